# One run -> its measurements.


rule diagnose:
    input:
        script=SCRIPTS / "diagnose.py",
        start=PATHS.init("{dataset}", "{model}", "{init}", "{seed}") / "weights.safetensors",
        weights=PATHS.run(RUN) / "weights.safetensors",
    output:
        diagnostics=PATHS.run(RUN) / "diagnostics.json",
    log:
        LOGS / "diagnose" / f"{RUN_NAME}.log",
    # On a cluster a run and its measurements share one job.
    group:
        "training"
    conda:
        "../envs/training.yaml"
    threads: threads_of("diagnose")
    resources:
        mem_mb=growing("diagnose", "mem_mb"),
        runtime=growing("diagnose", "runtime"),
        gpu=gpus_of("diagnose"),
        slot=1,
    params:
        only=[f"--only={name}" for name in CONFIG.diagnostics],
    shell:
        "python {input.script} --start {input.start} --weights {input.weights} {params.only}"
        " --diagnostics {output.diagnostics} >> {log} 2>&1"

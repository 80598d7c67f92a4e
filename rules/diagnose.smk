# One run -> its measurements; two runs of one recipe and seed -> how they differ; a run -> the loss around it.


def reference_weights(wildcards):
    """Return the weights that a run is compared with."""
    return PATHS.run(lineage.reference_of(CONFIG, as_run(wildcards))) / paths.WEIGHTS


rule diagnose:
    input:
        unpack(pretraining_files),
        script=SCRIPTS / "diagnose.py",
        prepared=PATHS.prepared("{dataset}"),
        start=start_weights,
        weights=PATHS.run(RUN) / paths.WEIGHTS,
    output:
        diagnostics=PATHS.run(RUN) / paths.DIAGNOSTICS,
    log:
        LOGS / "diagnose" / f"{RUN_NAME}.log",
    benchmark:
        BENCHMARKS / "diagnose" / f"{RUN_NAME}.tsv"
    group:
        training_group
    conda:
        "../envs/training.yaml"
    threads: threads_of("diagnose")
    resources:
        mem_mb=growing("diagnose", "mem_mb"),
        runtime=growing("diagnose", "runtime"),
        gpu=gpus_of("diagnose"),
        slot=1,
    params:
        settings=settings_of(slices.diagnose_settings),
        pretraining=pretraining_options,
    shell:
        "python {input.script} --prepared {input.prepared} --start {input.start} --weights {input.weights}"
        " {params.pretraining} --settings @{params.settings} --threads {threads} --gpus {resources.gpu}"
        " --diagnostics {output.diagnostics} >> {log} 2>&1"


rule compare:
    input:
        script=SCRIPTS / "diagnose.py",
        prepared=PATHS.prepared("{dataset}"),
        weights=PATHS.run(RUN) / paths.WEIGHTS,
        reference=reference_weights,
    output:
        comparison=PATHS.run(RUN) / paths.COMPARISON,
    log:
        LOGS / "compare" / f"{RUN_NAME}.log",
    benchmark:
        BENCHMARKS / "compare" / f"{RUN_NAME}.tsv"
    wildcard_constraints:
        init=inits_of((AdversarialInit, RescaledInit, RunInit)),
    conda:
        "../envs/training.yaml"
    threads: threads_of("diagnose")
    resources:
        mem_mb=growing("diagnose", "mem_mb"),
        runtime=growing("diagnose", "runtime"),
        gpu=gpus_of("diagnose"),
    params:
        settings=settings_of(slices.diagnose_settings, stage="compare"),
    shell:
        "python {input.script} --prepared {input.prepared} --weights {input.weights} --reference {input.reference}"
        " --settings @{params.settings} --threads {threads} --gpus {resources.gpu}"
        " --diagnostics {output.comparison} >> {log} 2>&1"


rule landscape:
    input:
        script=SCRIPTS / "landscape.py",
        prepared=PATHS.prepared("{dataset}"),
        random=random_weights,
        start=start_weights,
        weights=PATHS.run(RUN) / paths.WEIGHTS,
    output:
        landscape=PATHS.run(RUN) / paths.LANDSCAPE,
    log:
        LOGS / "landscape" / f"{RUN_NAME}.log",
    benchmark:
        BENCHMARKS / "landscape" / f"{RUN_NAME}.tsv"
    wildcard_constraints:
        init=inits_of(AdversarialInit),
    conda:
        "../envs/training.yaml"
    threads: threads_of("diagnose")
    resources:
        mem_mb=growing("diagnose", "mem_mb"),
        runtime=growing("diagnose", "runtime"),
        gpu=gpus_of("diagnose"),
    params:
        settings=settings_of(slices.diagnose_settings, stage="landscape"),
    shell:
        "python {input.script} --prepared {input.prepared} --random {input.random} --start {input.start}"
        " --weights {input.weights} --settings @{params.settings} --threads {threads} --gpus {resources.gpu}"
        " --landscape {output.landscape} >> {log} 2>&1"

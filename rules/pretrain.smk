# Random weights + confusing set -> the adversarial initialization.


def pretrain_params(wildcards):
    """The settings of one pretraining."""
    return runs.pretrain_settings(
        CONFIG, wildcards.dataset, wildcards.model, wildcards.init, int(wildcards.seed)
    ).model_dump_json()


rule pretrain:
    input:
        script=SCRIPTS / "pretrain.py",
        prepared=PATHS.prepared("{dataset}"),
        confusing=rules.confuse.output.confusing,
        start=start_weights,
    output:
        [PATHS.init("{dataset}", "{model}", "{init}", "{seed}") / name for name in runs.RUN_FILES],
    params:
        settings=pretrain_params,
        folder=str(PATHS.init("{dataset}", "{model}", "{init}", "{seed}")),
    wildcard_constraints:
        init=inits_of(AdversarialInit),
    log:
        LOGS / "pretrain" / f"{INIT_NAME}.log",
    benchmark:
        BENCHMARKS / "pretrain" / f"{INIT_NAME}.tsv"
    conda:
        "../envs/training.yaml"
    # Everything trained later waits for the adversarial weights, so they go first.
    priority: 10
    threads: threads_of("pretrain")
    resources:
        mem_mb=growing("pretrain", "mem_mb"),
        runtime=growing("pretrain", "runtime"),
        gpu=gpus_of("pretrain"),
    shell:
        "python {input.script} --prepared {input.prepared} --confusing {input.confusing} --start {input.start}"
        " --settings {params.settings:q} --threads {threads} --output {params.folder} >> {log} 2>&1"

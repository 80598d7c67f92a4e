# Random weights + confusing set -> the adversarial initialization.


rule pretrain:
    input:
        script=SCRIPTS / "pretrain.py",
        prepared=PATHS.prepared("{dataset}"),
        confusing=rules.confuse.output.confusing,
        start=random_weights,
    output:
        **run_files(PATHS.init("{dataset}", "{model}", "{init}", "{seed}")),
    log:
        LOGS / "pretrain" / f"{INIT_NAME}.log",
    wildcard_constraints:
        init=inits_of(AdversarialInit),
    cache: CACHED
    # Everything trained later waits for the adversarial weights, so they go first.
    priority: 10
    conda:
        "../envs/training.yaml"
    threads: threads_of("pretrain")
    resources:
        mem_mb=growing("pretrain", "mem_mb"),
        runtime=growing("pretrain", "runtime"),
        gpu=gpus_of("pretrain"),
        # A resource, not a parameter: a changed interval is no reason to train again.
        restart_seconds=CONFIG.restart.seconds,
    params:
        settings=settings_of(slices.pretrain_settings),
    shell:
        "python {input.script} --prepared {input.prepared} --confusing {input.confusing} --start {input.start}"
        " --settings @{params.settings} --threads {threads} --gpus {resources.gpu}"
        " --restart-seconds {resources.restart_seconds} --output $(dirname {output.weights}) >> {log} 2>&1"


# Snakemake forbids a benchmark on a rule whose outputs may come from a cache.
if not CACHED:
    pretraining = rules.pretrain.rule
    pretraining.benchmark_modifier = pretraining.log_modifier
    pretraining.benchmark = BENCHMARKS / "pretrain" / f"{INIT_NAME}.tsv"

# Random weights + confusing set -> the adversarial initialization.


def ending_record(wildcards):
    """Return the record of the pretraining whose number of epochs the init called {init} trains, where it has one."""
    ends = CONFIG.inits[wildcards.init].epochs_like
    return {"ends": PATHS.init(**{**wildcards, "init": ends}) / paths.RECORD} if ends else {}


rule pretrain:
    input:
        unpack(ending_record),
        script=script("pretrain"),
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
        **needs("pretrain"),
        # A resource, not a parameter: a changed interval is no reason to train again.
        restart_seconds=CONFIG.restart.seconds,
    params:
        settings=settings_of(settings.TrainSettings.of_pretraining),
        ends=given("ends"),
    shell:
        "python {input.script:q} --prepared {input.prepared:q} --confusing {input.confusing:q} --start {input.start:q}"
        " {params.ends:q} --settings @{params.settings:q} --threads {threads} --gpus {resources.gpu}"
        ' --restart-seconds {resources.restart_seconds} --output "$(dirname {output.weights:q})" >> {log:q} 2>&1'

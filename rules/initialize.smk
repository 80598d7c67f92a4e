# Start weights that need no training: random ones, and those of one init at the scale of another.


rule initialize:
    input:
        script=script("initialize"),
        prepared=PATHS.prepared("{dataset}"),
    output:
        weights=PATHS.init("{dataset}", "{model}", "{init}", "{seed}") / paths.WEIGHTS,
    log:
        LOGS / "initialize" / f"{INIT_NAME}.log",
    wildcard_constraints:
        init=inits_of(RandomInit),
    # Everything trained later waits for start weights, so they go first.
    priority: 10
    localrule: True
    conda:
        "../envs/training.yaml"
    threads: threads_of("initialize")
    resources:
        **needs("initialize"),
    params:
        settings=settings_of(settings.InitializeSettings.of),
    shell:
        "python {input.script:q} --prepared {input.prepared:q} --settings @{params.settings:q} --weights {output.weights:q}"
        " >> {log:q} 2>&1"


rule rescale:
    input:
        script=script("rescale"),
        prepared=PATHS.prepared("{dataset}"),
        start=lambda wildcards: weights_of_init(wildcards, CONFIG.inits[wildcards.init].start),
        like=lambda wildcards: weights_of_init(wildcards, CONFIG.inits[wildcards.init].like),
    output:
        weights=PATHS.init("{dataset}", "{model}", "{init}", "{seed}") / paths.WEIGHTS,
    log:
        LOGS / "rescale" / f"{INIT_NAME}.log",
    wildcard_constraints:
        init=inits_of(RescaledInit),
    # Everything trained later waits for start weights, so they go first.
    priority: 10
    conda:
        "../envs/training.yaml"
    threads: threads_of("rescale")
    resources:
        **needs("rescale"),
    params:
        settings=settings_of(settings.RescaleSettings.of),
    shell:
        "python {input.script:q} --prepared {input.prepared:q} --start {input.start:q} --like {input.like:q}"
        " --settings @{params.settings:q} --threads {threads} --weights {output.weights:q} >> {log:q} 2>&1"

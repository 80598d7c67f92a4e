# Start weights that need no training: random ones, and random ones rescaled to the norms of others.


def initialize_params(wildcards):
    """The settings of one set of random weights."""
    return runs.initialize_settings(
        CONFIG, wildcards.dataset, wildcards.model, int(wildcards.seed)
    ).model_dump_json()


def start_weights(wildcards):
    """The random weights that the init called {init} is made from."""
    start = CONFIG.inits[wildcards.init].start
    return PATHS.init(wildcards.dataset, wildcards.model, start, wildcards.seed) / "weights.safetensors"


def like_weights(wildcards):
    """The weights whose norms the rescaled init called {init} takes."""
    like = CONFIG.inits[wildcards.init].like
    return PATHS.init(wildcards.dataset, wildcards.model, like, wildcards.seed) / "weights.safetensors"


rule initialize:
    input:
        script=SCRIPTS / "initialize.py",
        prepared=PATHS.prepared("{dataset}"),
    output:
        weights=PATHS.init("{dataset}", "{model}", "{init}", "{seed}") / "weights.safetensors",
    params:
        settings=initialize_params,
    wildcard_constraints:
        init=inits_of(RandomInit),
    log:
        LOGS / "initialize" / f"{INIT_NAME}.log",
    conda:
        "../envs/training.yaml"
    threads: threads_of("initialize")
    resources:
        mem_mb=growing("initialize", "mem_mb"),
        runtime=growing("initialize", "runtime"),
    shell:
        "python {input.script} --prepared {input.prepared} --settings {params.settings:q} --weights {output.weights}"
        " >> {log} 2>&1"


rule rescale:
    input:
        script=SCRIPTS / "rescale.py",
        random=start_weights,
        like=like_weights,
    output:
        weights=PATHS.init("{dataset}", "{model}", "{init}", "{seed}") / "weights.safetensors",
    wildcard_constraints:
        init=inits_of(RescaledInit),
    log:
        LOGS / "rescale" / f"{INIT_NAME}.log",
    conda:
        "../envs/training.yaml"
    threads: threads_of("rescale")
    resources:
        mem_mb=growing("rescale", "mem_mb"),
        runtime=growing("rescale", "runtime"),
    shell:
        "python {input.script} --random {input.random} --like {input.like} --weights {output.weights} >> {log} 2>&1"

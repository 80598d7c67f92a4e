# Prepared dataset -> the confusing set of an adversarial init (Algorithm 1).


def confuse_params(wildcards):
    """The settings of one confusing set."""
    return runs.confuse_settings(CONFIG, wildcards.dataset, wildcards.init, int(wildcards.seed)).model_dump_json()


rule confuse:
    input:
        script=SCRIPTS / "confuse.py",
        prepared=PATHS.prepared("{dataset}"),
    output:
        confusing=PATHS.confusing("{dataset}", "{init}", "{seed}"),
    params:
        settings=confuse_params,
    wildcard_constraints:
        init=inits_of(AdversarialInit),
    log:
        LOGS / "confuse" / "{dataset}/{init}/seed{seed}.log",
    benchmark:
        BENCHMARKS / "confuse" / "{dataset}/{init}/seed{seed}.tsv"
    conda:
        "../envs/training.yaml"
    threads: threads_of("confuse")
    resources:
        mem_mb=growing("confuse", "mem_mb"),
        runtime=growing("confuse", "runtime"),
    shell:
        "python {input.script} --prepared {input.prepared} --settings {params.settings:q} --confusing {output.confusing}"
        " >> {log} 2>&1"

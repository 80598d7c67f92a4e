# Prepared dataset -> the confusing set of an adversarial init (Algorithm 1).


rule confuse:
    input:
        script=script("confuse"),
        prepared=PATHS.prepared("{dataset}"),
    output:
        confusing=PATHS.confusing("{dataset}", "{init}", "{seed}"),
    log:
        LOGS / "confuse" / "{dataset}/{init}/seed{seed}.log",
    wildcard_constraints:
        init=inits_of(AdversarialInit),
    cache: CACHED
    # As for the pretraining that it is for.
    priority: 10
    conda:
        "../envs/training.yaml"
    threads: threads_of("confuse")
    resources:
        **needs("confuse"),
    params:
        settings=settings_of(settings.ConfuseSettings.of),
    shell:
        "python {input.script:q} --prepared {input.prepared:q} --settings @{params.settings:q} --confusing {output.confusing:q}"
        " >> {log:q} 2>&1"

# Finished runs -> a folder of weights with a card each, that can be copied elsewhere and used without the results.


def exported_files(wildcards):
    """Return the files that the minima of the zoo, and their cards, are made from."""
    study = runs.zoo_study(CONFIG)
    compared = measured.compared_inits(CONFIG, CONFIG.studies[CONFIG.claims.study])
    roots = dict.fromkeys(runs.root_of(CONFIG.inits, init) for init in study.inits)
    pretrained = [init for init in roots if isinstance(CONFIG.inits[init], AdversarialInit)]
    return [
        *map(PATHS.prepared, study.datasets),
        *files_of_inits(study, pretrained, [paths.RECORD]),
        *files_of_runs(study, [paths.WEIGHTS, paths.RECORD, paths.DIAGNOSTICS], compared=compared),
    ]


def exported_options(wildcards):
    """Return the options that name the runs of the zoo, and whether their datasets go with them."""
    study = runs.zoo_study(CONFIG)
    # Not inits and recipes by themselves: other studies, or a comparison, may have trained more of their pairs.
    cells = [f"--cells={init}/{recipe}" for init in study.inits for recipe in study.recipes if study.has(init, recipe)]
    axes = [f"--{axis}={value}" for axis in ("datasets", "models", "seeds") for value in getattr(study, axis)]
    return [*axes, *cells, *(["--data"] if CONFIG.zoo.data else [])]


rule zoo:
    """Export weights of bad and good minima with a card each."""
    input:
        # The script finds them by the study's grid: their names would not fit on a command line.
        exported_files,
        # Says where the runs started. Never ancient(): it would mark the file for every other rule too.
        rules.record_config.output.config,
        script=script("zoo"),
    output:
        zoo=directory(PATHS.zoo),
    log:
        LOGS / "zoo.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("zoo")
    resources:
        **needs("zoo"),
    params:
        chosen=exported_options,
        results=lambda wildcards, output: os.path.dirname(output[0]),
    shell:
        "python {input.script:q} --results {params.results:q} --output {output.zoo:q} {params.chosen:q} >> {log:q} 2>&1"

# One run -> its measurements; two runs of one recipe and seed -> how they differ; a run -> the loss around it.
from dataclasses import replace


def compared(recipes, of):
    """Return an input function or parameter: what ``of`` says of the runs of some recipes, all else of them alike."""
    return lambda wildcards: [of(replace(as_run(wildcards), recipe=recipe)) for recipe in recipes]


def compared_options(wildcards, input, output):
    """Return the options that name the files of each comparison."""
    files = {"weights": input.weights, "reference": input.references, "comparison": output.comparisons}
    return [f"--{name}={path}" for name, paths in files.items() for path in paths]


rule diagnose:
    input:
        unpack(pretraining_files),
        script=script("diagnose"),
        prepared=PATHS.prepared("{dataset}"),
        start=start_weights,
        weights=PATHS.run(RUN) / paths.WEIGHTS,
    output:
        diagnostics=PATHS.run(RUN) / paths.DIAGNOSTICS,
    log:
        LOGS / "diagnose" / f"{RUN_NAME}.log",
    group:
        training_group
    conda:
        "../envs/training.yaml"
    threads: threads_of("diagnose")
    resources:
        **needs("diagnose"),
        slot=1,
    params:
        settings=settings_of(settings.DiagnoseSettings.of),
        pretraining=given("confusing", "random"),
    shell:
        "python {input.script:q} --prepared {input.prepared:q} --start {input.start:q} --weights {input.weights:q}"
        " {params.pretraining:q} --settings @{params.settings:q} --threads {threads} --gpus {resources.gpu}"
        " --diagnostics {output.diagnostics:q} >> {log:q} 2>&1"


# A job compares the runs of several recipes: to start it takes longer than to compare two small networks. A rule has a
# fixed number of outputs, so recipes that other studies have need a rule of their own.
for number, (recipes, inits) in enumerate(measured.compared_together(CONFIG).items()):
    name = f"compare_{number}" if number else "compare"

    rule:
        name:
            name
        input:
            script=script("compare"),
            prepared=PATHS.prepared("{dataset}"),
            weights=compared(recipes, lambda run: PATHS.run(run) / paths.WEIGHTS),
            references=compared(recipes, lambda run: PATHS.run(runs.reference_of(CONFIG, run)) / paths.WEIGHTS),
        output:
            comparisons=[PATHS.run(replace(RUN, recipe=recipe)) / paths.COMPARISON for recipe in recipes],
        log:
            LOGS / name / f"{INIT_NAME}.log",
        wildcard_constraints:
            init=one_of(inits),
        conda:
            "../envs/training.yaml"
        threads: threads_of("diagnose")
        resources:
            **needs("diagnose", alone=True),
        params:
            settings=compared(recipes, lambda run: told(settings.DiagnoseSettings.of(CONFIG, run, "compare"))[0]),
            runs=compared_options,
        shell:
            "python {input.script:q} --prepared {input.prepared:q} {params.runs:q} {params.settings:q}"
            " --threads {threads} --gpus {resources.gpu} >> {log:q} 2>&1"

    # What a profile or the command line sets for compare holds for all of them.
    share_resources(rules.compare, getattr(rules, name))


rule landscape:
    input:
        script=script("landscape"),
        prepared=PATHS.prepared("{dataset}"),
        random=random_weights,
        start=start_weights,
        weights=PATHS.run(RUN) / paths.WEIGHTS,
    output:
        landscape=PATHS.run(RUN) / paths.LANDSCAPE,
    log:
        LOGS / "landscape" / f"{RUN_NAME}.log",
    wildcard_constraints:
        init=inits_of(AdversarialInit),
    conda:
        "../envs/training.yaml"
    threads: threads_of("diagnose")
    resources:
        **needs("diagnose", alone=True),
    params:
        settings=settings_of(settings.DiagnoseSettings.of, "landscape"),
    shell:
        "python {input.script:q} --prepared {input.prepared:q} --random {input.random:q} --start {input.start:q}"
        " --weights {input.weights:q} --settings @{params.settings:q} --threads {threads} --gpus {resources.gpu}"
        " --landscape {output.landscape:q} >> {log:q} 2>&1"

# All runs of a study -> its tables. Figures and claims read these, never the runs. Those that show accuracies alone
# read tables of the outcomes of trainings, for which nothing is measured.

TABLES = list(paths.STUDY_TABLES)
# The files of a training that tables are made from.
TRAINED = [paths.HISTORY, paths.RECORD, paths.PREDICTIONS]
SUMMARY_TEMPLATES = templates("summary.html", "small.html", "macros.html")


def trained_files(wildcards):
    """Return what the trainings and pretrainings of a study leave and its tables are made from."""
    study = CONFIG.studies[wildcards.study]
    return [*files_of_runs(study, TRAINED), *files_of_inits(study, runs.pretrained_inits(CONFIG, study))]


def measured_files(wildcards):
    """Return what is measured of the runs of a study: alone, against others, around some."""
    study = CONFIG.studies[wildcards.study]
    surveyed = measured.landscape_runs(study, measured.landscapes(CONFIG, study))
    alone = files_of_runs(study, [paths.DIAGNOSTICS], compared=measured.compared_inits(CONFIG, study))
    return [*alone, *[PATHS.run(run) / paths.LANDSCAPE for run in surveyed]]


def tables_settings(build):
    """Return a parameter: the file of the settings of the tables of a study or claim, which name those of its runs."""
    return lambda wildcards: SETTINGS.path(SETTINGS.with_trainings(CONFIG, build(CONFIG, *wildcards)))


rule collect:
    input:
        # The script finds them by the study's grid: their names would not fit on a command line.
        trained_files,
        measured_files,
        SUMMARY_TEMPLATES,
        script=script("collect"),
    output:
        [PATHS.tables("{study}") / table for table in TABLES],
        summary=shown(PATHS.tables("{study}") / paths.SUMMARY, "summary", "Tables", table="summary", study="{study}"),
    log:
        LOGS / "collect" / "{study}.log",
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("collect")
    resources:
        **needs("collect"),
    params:
        settings=tables_settings(settings.CollectSettings.of),
        results=lambda wildcards, output: str(Path(output[0]).parents[2]),
        tables=lambda wildcards, output: os.path.dirname(output[0]),
    shell:
        "python {input.script:q} --results {params.results:q} --settings @{params.settings:q} --tables {params.tables:q}"
        " >> {log:q} 2>&1"


use rule collect as collect_outcomes with:
    input:
        trained_files,
        SUMMARY_TEMPLATES,
        script=script("collect"),
    output:
        [PATHS.outcomes("{study}") / table for table in [*TABLES, paths.SUMMARY]],
    log:
        LOGS / "collect_outcomes" / "{study}.log",
    # The figures that need no more are drawn while runs are measured.
    priority: 5
    localrule: True
    params:
        settings=tables_settings(settings.CollectSettings.of_outcomes),

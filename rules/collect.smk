# All runs of a study -> its tables. Figures and claims read these, never the runs. Those that show accuracies alone
# read tables of the outcomes of trainings, for which nothing is measured.

TABLES = list(paths.STUDY_TABLES)


def trained_runs(wildcards):
    """Return the files that the trainings of a study leave and its tables are made from."""
    names = [paths.HISTORY, paths.RECORD, paths.PREDICTIONS]
    return [PATHS.run(run) / name for run in runs.study_runs(CONFIG.studies[wildcards.study]) for name in names]


def measured_runs(wildcards):
    """Return the measurements of the runs of a study, alone and against others."""
    study = CONFIG.studies[wildcards.study]
    compared = measured.compared_inits(CONFIG, study)
    return [
        PATHS.run(run) / name
        for run in runs.study_runs(study)
        for name in (paths.DIAGNOSTICS, *([paths.COMPARISON] if run.init in compared else []))
    ]


def collected_pretraining(wildcards):
    """Return the records and histories of every trained init of a study."""
    study = CONFIG.studies[wildcards.study]
    return pretraining_records(study, runs.pretrained_inits(CONFIG, study))


def collected_landscapes(wildcards):
    """Return the landscapes of a study."""
    study = CONFIG.studies[wildcards.study]
    found = measured.landscape_runs(study, measured.landscapes(CONFIG, study))
    return [PATHS.run(run) / paths.LANDSCAPE for run in found]


def tables_settings(build):
    """Return a parameter: the file of the settings of a study's tables, which name those of its runs."""
    return lambda wildcards: SETTINGS.path(SETTINGS.with_trainings(CONFIG, build(CONFIG, wildcards.study)))


rule collect_outcomes:
    input:
        # The script finds them by the study's grid: their names would not fit on a command line.
        trained_runs,
        collected_pretraining,
        script=script("collect"),
    output:
        [PATHS.outcomes("{study}") / table for table in [*TABLES, paths.SUMMARY]],
    log:
        LOGS / "collect_outcomes" / "{study}.log",
    # The figures that need no more are drawn while runs are measured.
    priority: 5
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("collect")
    resources:
        **needs("collect"),
    params:
        settings=tables_settings(settings.CollectSettings.of_outcomes),
        results=results_folder,
        tables=output_folder,
    shell:
        "python {input.script:q} --results {params.results:q} --settings @{params.settings:q} --tables {params.tables:q}"
        " >> {log:q} 2>&1"


use rule collect_outcomes as collect with:
    input:
        trained_runs,
        measured_runs,
        collected_pretraining,
        collected_landscapes,
        script=script("collect"),
    output:
        [PATHS.tables("{study}") / table for table in TABLES],
        summary=report(
            PATHS.tables("{study}") / paths.SUMMARY,
            caption="../report/summary.rst",
            category="Tables",
            labels={"table": "summary", "study": "{study}"},
        ),
    log:
        LOGS / "collect" / "{study}.log",
    priority: 0
    params:
        settings=tables_settings(settings.CollectSettings.of),
        results=results_folder,
        tables=output_folder,

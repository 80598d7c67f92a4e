# All runs of a study -> its tables. Figures and claims read these, never the runs.

TABLES = list(paths.STUDY_TABLES)


def collected_runs(wildcards):
    """Return the files of every run of a study that its tables are made from."""
    names = [paths.HISTORY, paths.RECORD, paths.PREDICTIONS, paths.DIAGNOSTICS]
    study = CONFIG.studies[wildcards.study]
    compared = measured.compared_inits(CONFIG, study)
    return [
        PATHS.run(run) / name
        for run in runs.study_runs(study)
        for name in (*names, *([paths.COMPARISON] if run.init in compared else []))
    ]


def collected_pretraining(wildcards):
    """Return the records and histories of every trained init of a study."""
    study = CONFIG.studies[wildcards.study]
    return pretraining_records(study, lineage.pretrained_inits(CONFIG, study))


def collected_landscapes(wildcards):
    """Return the landscapes of a study."""
    study = CONFIG.studies[wildcards.study]
    found = measured.landscape_runs(study, measured.landscapes(CONFIG, study))
    return [PATHS.run(run) / paths.LANDSCAPE for run in found]


rule collect:
    input:
        # The script finds them by the study's grid: their names would not fit on a command line.
        collected_runs,
        collected_pretraining,
        collected_landscapes,
        script=SCRIPTS / "collect.py",
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
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("collect")
    resources:
        mem_mb=growing("collect", "mem_mb"),
        runtime=growing("collect", "runtime"),
    params:
        settings=settings_of(slices.collect_settings),
        results=results_folder,
        tables=output_folder,
    shell:
        "python {input.script} --results {params.results:q} --settings @{params.settings} --tables {params.tables}"
        " >> {log} 2>&1"

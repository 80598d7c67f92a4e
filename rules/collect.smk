# All runs of a study -> its tables. Figures and claims read these, never the runs.

TABLES = ["runs.csv", "histories.csv", "layers.csv", "cells.csv", "pretraining.csv", "correct.safetensors"]


def collected_runs(wildcards):
    """The files of every run of a study."""
    names = [*runs.RUN_FILES, "diagnostics.json"]
    return [PATHS.run(run) / name for run in runs.study_runs(CONFIG.studies[wildcards.study]) for name in names]


def collected_pretraining(wildcards):
    """The records of every trained init of a study."""
    study = CONFIG.studies[wildcards.study]
    return [
        PATHS.init(dataset, model, init, seed) / "run.json"
        for dataset in study.datasets
        for model in study.models
        for init in runs.pretrained_inits(CONFIG, study)
        for seed in study.seeds
    ]


def collect_params(wildcards):
    """The settings of one study's tables."""
    return runs.collect_settings(CONFIG, wildcards.study).model_dump_json()


rule collect:
    input:
        # The script finds them by the study's grid: their names would not fit on a command line.
        collected_runs,
        collected_pretraining,
        script=SCRIPTS / "collect.py",
    output:
        [
            report(
                PATHS.tables("{study}") / table,
                caption="../report/table.rst",
                category="Tables",
                subcategory="{study}",
                labels={"study": "{study}", "table": table.removesuffix(".csv")},
            )
            if table in ("cells.csv", "pretraining.csv")
            else PATHS.tables("{study}") / table
            for table in TABLES
        ],
    params:
        settings=collect_params,
        results=CONFIG.results,
        tables=str(PATHS.tables("{study}")),
    log:
        LOGS / "collect" / "{study}.log",
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("collect")
    resources:
        mem_mb=growing("collect", "mem_mb"),
        runtime=growing("collect", "runtime"),
    localrule: True
    shell:
        "python {input.script} --results {params.results:q} --settings {params.settings:q} --tables {params.tables}"
        " >> {log} 2>&1"

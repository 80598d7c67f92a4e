# All runs of a study -> its tables. Figures and claims read these, never the runs.

TABLES = list(paths.STUDY_TABLES)


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
        settings=collect_params,
        results=results_folder,
        tables=output_folder,
    shell:
        "python {input.script} --results {params.results:q} --settings {params.settings:q} --tables {params.tables}"
        " >> {log} 2>&1"

# Tables of the claims' study -> verdicts.


rule claims:
    input:
        [PATHS.tables(CONFIG.claims.study) / table for table in TABLES],
        script=SCRIPTS / "claims.py",
    output:
        csv=PATHS.results / "claims.csv",
        html=report(
            PATHS.results / "claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"table": "verdicts"},
        ),
    log:
        LOGS / "claims.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("claims")
    resources:
        mem_mb=growing("claims", "mem_mb"),
        runtime=growing("claims", "runtime"),
    params:
        settings=settings.claims_settings(CONFIG).model_dump_json(),
        tables=input_folder,
    shell:
        "python {input.script} --tables {params.tables} --settings {params.settings:q}"
        " --csv {output.csv} --html {output.html} >> {log} 2>&1"

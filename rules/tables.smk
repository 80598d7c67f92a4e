# Tables of a study -> one table for a paper: LaTeX, CSV and HTML. A rule per table, so that each has a name to type.

PAPER_TABLE_FORMATS = ["tex", "csv", "html"]


for table in CONFIG.tables:

    rule:
        name:
            f"table_{table}"
        input:
            [PATHS.outcomes(CONFIG.tables[table].study) / name for name in TABLES],
            script=script("table"),
        output:
            tex=PATHS.paper_table(table, "tex"),
            csv=PATHS.paper_table(table, "csv"),
            html=report(
                PATHS.paper_table(table, "html"),
                caption=f"../report/table_{CONFIG.tables[table].kind or table}.rst",
                category="Tables",
                labels={"table": table, "study": CONFIG.tables[table].study},
            ),
        log:
            LOGS / "tables" / f"{table}.log",
        localrule: True
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("tables")
        resources:
            **needs("tables"),
        params:
            settings=SETTINGS.path(settings.TableSettings.of(CONFIG, table)),
            tables=input_folder,
        shell:
            "python {input.script:q} --tables {params.tables:q} --settings @{params.settings:q}"
            " --tex {output.tex:q} --csv {output.csv:q} --html {output.html:q} >> {log:q} 2>&1"

# Tables -> one figure: PDF, PNG and the CSV of what it shows. A rule per figure, so that each has a name to type.

FIGURE_FORMATS = ["pdf", "png", "csv"]
# The figure on the report's first page.
HEADLINE = overview_settings(CONFIG).figure


def drawn_tables(figure):
    """Return the folder of the tables that a figure is drawn from."""
    entry = CONFIG.figures[figure]
    tables = PATHS.outcomes if FIGURES.entry(entry.draw or figure).outcomes else PATHS.tables
    return tables(entry.study)


for figure in CONFIG.figures:

    rule:
        name:
            f"fig_{figure}"
        input:
            [drawn_tables(figure) / table for table in TABLES],
            script=SCRIPTS / "figures.py",
        output:
            pdf=PATHS.figure(figure, "pdf"),
            png=report(
                PATHS.figure(figure, "png"),
                caption=f"../report/fig_{CONFIG.figures[figure].draw or figure}.rst",
                category="Figures",
                labels={"figure": figure, "study": CONFIG.figures[figure].study},
            ),
            csv=PATHS.figure(figure, "csv"),
        log:
            LOGS / "figures" / f"{figure}.log",
        # Before measurements, and the headline before others.
        priority: 6 if figure == HEADLINE else 5
        localrule: True
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("figures")
        resources:
            mem_mb=memory_of("figures"),
            runtime=runtime_of("figures"),
        params:
            # For captions: a workflow that imports this one gives rules names of its own.
            figure=figure,
            settings=SETTINGS.path(slices.figure_settings(CONFIG, figure)),
            tables=input_folder,
        shell:
            "python {input.script:q} --tables {params.tables:q} --settings @{params.settings:q}"
            " --pdf {output.pdf:q} --png {output.png:q} --csv {output.csv:q} >> {log:q} 2>&1"

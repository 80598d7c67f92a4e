# Tables -> one figure: PDF, PNG, SVG and the CSV of what it shows. A rule per figure, so that each has a name to type.

FIGURE_FORMATS = ["pdf", "png", "svg", "csv"]
# The figure beside the report's answer.
HEADLINE = headline_figure(CONFIG)


def drawn_tables(figure):
    """Return the folder of the tables that a figure is drawn from."""
    entry = CONFIG.figures[figure]
    tables = PATHS.outcomes if FIGURES.entry(entry.kind or figure).outcomes else PATHS.tables
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
                caption=f"../report/fig_{CONFIG.figures[figure].kind or figure}.rst",
                category="Figures",
                labels={"figure": figure, "study": CONFIG.figures[figure].study},
            ),
            svg=PATHS.figure(figure, "svg"),
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
            settings=SETTINGS.path(settings.FigureSettings.of(CONFIG, figure)),
            tables=input_folder,
        shell:
            "python {input.script:q} --tables {params.tables:q} --settings @{params.settings:q}"
            " --pdf {output.pdf:q} --png {output.png:q} --svg {output.svg:q} --csv {output.csv:q} >> {log:q} 2>&1"


# A figure of data rather than of tables.
EXAMPLE = runs.confusing_example(CONFIG)
CONFUSING_FIGURES = []


if EXAMPLE is not None:
    CONFUSING_FIGURES += [PATHS.figure("confusing", extension) for extension in FIGURE_FORMATS]

    rule fig_confusing:
        input:
            script=SCRIPTS / "confusing_figure.py",
            prepared=PATHS.prepared(EXAMPLE[0]),
            confusing=PATHS.confusing(*EXAMPLE),
        output:
            pdf=PATHS.figure("confusing", "pdf"),
            png=report(
                PATHS.figure("confusing", "png"),
                caption="../report/fig_confusing.rst",
                category="Figures",
                labels={"figure": "confusing", "study": "data"},
            ),
            svg=PATHS.figure("confusing", "svg"),
            csv=PATHS.figure("confusing", "csv"),
        log:
            LOGS / "figures" / "confusing.log",
        localrule: True
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("figures")
        resources:
            mem_mb=memory_of("figures"),
            runtime=runtime_of("figures"),
        shell:
            "python {input.script:q} --prepared {input.prepared:q} --confusing {input.confusing:q}"
            " --pdf {output.pdf:q} --png {output.png:q} --svg {output.svg:q} --csv {output.csv:q} >> {log:q} 2>&1"

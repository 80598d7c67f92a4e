# Tables -> one figure: PDF, PNG, SVG and the CSV of what it shows. A rule per figure, so that each has a name to type.

FIGURE_FORMATS = ["pdf", "png", "svg", "csv"]
# The figure beside the report's answer.
HEADLINE = headline_figure(CONFIG)


def drawn_files(wildcards, output):
    """Return the options of every command that draws."""
    return [f"--{name}={path}" for name, path in output.items()]


def drawing(name, study, label=None, kind=None):
    """Return the files of a figure, and what Snakemake's own report says of it."""
    files = {extension: PATHS.figure(name, extension) for extension in FIGURE_FORMATS}
    labels = {"figure": label or name, "study": study}
    return files | {
        "png": report(files["png"], caption=f"../report/fig_{kind or name}.rst", category="Figures", labels=labels)
    }


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
            script=script("fig"),
        output:
            **drawing(figure, CONFIG.figures[figure].study, kind=CONFIG.figures[figure].kind),
        log:
            LOGS / "figures" / f"{figure}.log",
        # Before measurements, and the headline before others.
        priority: 6 if figure == HEADLINE else 5
        localrule: True
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("figures")
        resources:
            **needs("figures"),
        params:
            settings=SETTINGS.path(settings.FigureSettings.of(CONFIG, figure)),
            tables=input_folder,
            drawn=drawn_files,
        shell:
            "python {input.script:q} --tables {params.tables:q} --settings @{params.settings:q} {params.drawn:q}"
            " >> {log:q} 2>&1"


# A figure of data rather than of tables.
EXAMPLE = runs.confusing_example(CONFIG)
CONFUSING_FIGURES = []


if EXAMPLE is not None:
    CONFUSING_FIGURES += [PATHS.figure("confusing", extension) for extension in FIGURE_FORMATS]

    rule fig_confusing:
        """What does a pretraining have to fit?"""
        input:
            script=script("fig_confusing"),
            prepared=PATHS.prepared(EXAMPLE[0]),
            confusing=PATHS.confusing(*EXAMPLE),
        output:
            **drawing("confusing", "data"),
        log:
            LOGS / "figures" / "confusing.log",
        localrule: True
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("figures")
        resources:
            **needs("figures"),
        params:
            drawn=drawn_files,
        shell:
            "python {input.script:q} --prepared {input.prepared:q} --confusing {input.confusing:q} {params.drawn:q}"
            " >> {log:q} 2>&1"

# Tables -> one figure: PDF, PNG, SVG and the CSV of what it shows. A rule per figure, so that each has a name to type.


def drawing(name, study, label=None, kind=None):
    """Return the files of a figure, and what Snakemake's own report says of it."""
    files = {extension: PATHS.figure(name, extension) for extension in ("pdf", "png", "svg", "csv")}
    return files | {"png": shown(files["png"], f"fig_{kind or name}", "Figures", figure=label or name, study=study)}


for figure, entry in CONFIG.figures.items():
    tables = PATHS.outcomes if FIGURES.entry(entry.kind or figure).outcomes else PATHS.tables
    PRODUCTS[f"fig_{figure}"] = Product(
        question_of(CONFIG, figure),
        {"tables": [tables(entry.study) / table for table in TABLES]},
        drawing(figure, entry.study, kind=entry.kind),
        told(settings.FigureSettings.of(CONFIG, figure)),
        # Before measurements, and the one beside the report's answer before others.
        6 if figure == headline_figure(CONFIG) else 5,
        "fig",
    )


# The one figure of data rather than of tables.
if (example := runs.confusing_example(CONFIG)) is not None:
    PRODUCTS["fig_confusing"] = Product(
        "What does a pretraining have to fit?",
        {"prepared": PATHS.prepared(example[0]), "confusing": PATHS.confusing(*example)},
        drawing("confusing", "data"),
    )

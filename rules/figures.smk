# Tables -> one figure: PDF, PNG, SVG and the CSV of what it shows. A rule per figure, so that each has a name to type.

FIGURE_FORMATS = ["pdf", "png", "svg", "csv"]
# Of the one figure of data rather than of tables.
EXAMPLE = runs.confusing_example(CONFIG)


def drawing(name, study, label=None, kind=None):
    """Return the files of a figure, and what Snakemake's own report says of it."""
    files = {extension: PATHS.figure(name, extension) for extension in FIGURE_FORMATS}
    return files | {"png": shown(files["png"], f"fig_{kind or name}", "Figures", figure=label or name, study=study)}


for figure, entry in CONFIG.figures.items():
    tables = PATHS.outcomes if FIGURES.entry(entry.kind or figure).outcomes else PATHS.tables
    PRODUCTS[f"fig_{figure}"] = Product(
        question_of(CONFIG, figure),
        "fig",
        {"tables": [tables(entry.study) / table for table in TABLES]},
        drawing(figure, entry.study, kind=entry.kind),
        f"figures/{figure}",
        told(settings.FigureSettings.of(CONFIG, figure)),
        # Before measurements, and the one beside the report's answer before others.
        6 if figure == headline_figure(CONFIG) else 5,
    )


if EXAMPLE is not None:
    PRODUCTS["fig_confusing"] = Product(
        "What does a pretraining have to fit?",
        "fig_confusing",
        {"prepared": PATHS.prepared(EXAMPLE[0]), "confusing": PATHS.confusing(*EXAMPLE)},
        drawing("confusing", "data"),
        "figures/confusing",
    )

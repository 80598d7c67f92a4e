# Tables of a study -> one table for a paper: LaTeX, CSV and HTML. A rule per table, so that each has a name to type.

for table, entry in CONFIG.tables.items():
    files = {extension: PATHS.paper_table(table, extension) for extension in ("tex", "csv", "html")}
    PRODUCTS[f"table_{table}"] = Product(
        CONFIG.studies[entry.study].question,
        {"tables": [PATHS.outcomes(entry.study) / name for name in TABLES]},
        files
        | {"html": shown(files["html"], f"table_{entry.kind or table}", "Tables", table=table, study=entry.study)},
        told(settings.TableSettings.of(CONFIG, table)),
        stage="table",
    )

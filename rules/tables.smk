# Tables of a study -> one table for a paper: LaTeX, CSV and HTML. A rule per table, so that each has a name to type.

for table, entry in CONFIG.tables.items():
    files = {extension: PATHS.paper_table(table, extension) for extension in ("tex", "csv", "html")}
    caption = f"table_{entry.kind or table}"
    PRODUCTS[f"table_{table}"] = Product(
        CONFIG.studies[entry.study].question,
        "table",
        {"tables": [PATHS.outcomes(entry.study) / name for name in TABLES]},
        files | {"html": shown(files["html"], caption, "Tables", table=table, study=entry.study)},
        f"tables/{table}",
        told(settings.TableSettings.of(CONFIG, table)),
    )

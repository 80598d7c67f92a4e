"""Collect a study's runs into tidy tables."""

from pathlib import Path

import click

from badminima.analysis.tables import collect, write_tables
from badminima.cli import FOLDER, one_line_errors, settings_option
from badminima.experiment.paths import SUMMARY, Paths
from badminima.experiment.settings import CollectSettings
from badminima.report.html import failed_measurements, summary_page
from badminima.storage.files import write_text


@click.command(help=__doc__)
@click.option("--results", type=FOLDER, required=True, help="Folder that holds inits/ and runs/.")
@settings_option(CollectSettings)
@click.option("--tables", type=FOLDER, required=True, help="Output folder: the tables.")
@one_line_errors
def main(results: Path, settings: CollectSettings, tables: Path) -> None:
    collected = collect(Paths(results), settings)
    write_tables(tables, collected)
    write_text(tables / SUMMARY, summary_page(collected, settings.study.question))
    for line in failed_measurements(collected):
        click.echo(line, err=True)


if __name__ == "__main__":
    main()

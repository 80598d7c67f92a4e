"""Make one table for a paper from a study's tables."""

from pathlib import Path

import click

from badminima.analysis.tables import read_study
from badminima.cli import FOLDER, OUTPUT_FILE, one_line_errors, settings_option
from badminima.experiment.settings import TableSettings
from badminima.report.tables import make_table, write_table


@click.command(help=__doc__)
@click.option("--tables", type=FOLDER, required=True, help="Folder of the study's tables.")
@settings_option(TableSettings)
@click.option("--tex", type=OUTPUT_FILE, required=True, help="Output: the table for LaTeX with booktabs.")
@click.option("--csv", type=OUTPUT_FILE, required=True, help="Output: its numbers.")
@click.option("--html", type=OUTPUT_FILE, required=True, help="Output: the same, to be read.")
@one_line_errors
def main(tables: Path, settings: TableSettings, tex: Path, csv: Path, html: Path) -> None:
    write_table(make_table(read_study(tables), settings), tex, csv, html)


if __name__ == "__main__":
    main()

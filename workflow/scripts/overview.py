"""Write the report's first page: answer, figure, claims, settings and provenance."""

from pathlib import Path

import click

from badminima.cli import FOLDER, OUTPUT_FILE, one_line_errors, settings_option
from badminima.report.facts import OverviewSettings
from badminima.report.overview import overview_page
from badminima.results.results import Results
from badminima.storage.files import write_text


@click.command(help=__doc__)
@click.option("--results", type=FOLDER, required=True, help="Folder that holds claims.csv, tables/, figures/, runs/.")
@settings_option(OverviewSettings)
@click.option("--html", type=OUTPUT_FILE, required=True, help="Output: a piece of HTML.")
@one_line_errors
def main(results: Path, settings: OverviewSettings, html: Path) -> None:
    found = Results(results)
    studies = {study: found.tables(study) for study in settings.studies}
    claims = found.claims.fillna({"reason": "", "figure": "", "dataset": "", "model": ""})
    write_text(html, overview_page(claims, studies, settings, found.paths))


if __name__ == "__main__":
    main()

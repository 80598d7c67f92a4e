"""Write the report: answer, figures, claims, settings and provenance on one page."""

from pathlib import Path

import click

from badminima.cli import FOLDER, INPUT_FILE, OUTPUT_FILE, one_line_errors, settings_option
from badminima.report.page import report_page
from badminima.report.settings import ReportSettings
from badminima.report.wording import glossary
from badminima.results.results import Results
from badminima.storage.files import write_text


@click.command(help=__doc__)
@click.option("--results", type=FOLDER, required=True, help="Folder that holds claims.csv, tables/, figures/, runs/.")
@click.option("--captions", type=FOLDER, required=True, help="Folder of the captions.")
@click.option("--terms", type=INPUT_FILE, required=True, help="The glossary, as Markdown.")
@settings_option(ReportSettings)
@click.option("--html", type=OUTPUT_FILE, required=True, help="Output: one page that needs no other file.")
@one_line_errors
def main(results: Path, captions: Path, terms: Path, settings: ReportSettings, html: Path) -> None:
    found = Results(results)
    studies = {study: found.tables(study) for study in settings.studies}
    claims = found.claims.fillna({"reason": "", "figure": "", "dataset": "", "model": ""})
    write_text(html, report_page(claims, studies, settings, found.paths, captions, glossary(terms)))


if __name__ == "__main__":
    main()

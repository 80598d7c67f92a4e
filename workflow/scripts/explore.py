"""Write a page to look closer at the runs of each study: point at them, hide inits, choose a measure."""

from pathlib import Path

import click

from badminima.cli import FOLDER, OUTPUT_FILE, one_line_errors, settings_option
from badminima.report.explore import explore_page
from badminima.report.settings import ExploreSettings
from badminima.results.results import Results
from badminima.storage.files import write_text


@click.command(help=__doc__)
@click.option("--results", type=FOLDER, required=True, help="Folder that holds tables/.")
@settings_option(ExploreSettings)
@click.option("--html", type=OUTPUT_FILE, required=True, help="Output: one page that needs no other file.")
@one_line_errors
def main(results: Path, settings: ExploreSettings, html: Path) -> None:
    found = Results(results)
    write_text(html, explore_page({study: found.tables(study) for study in settings.studies}, settings.studies))


if __name__ == "__main__":
    main()

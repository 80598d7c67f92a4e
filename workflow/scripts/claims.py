"""Decide the paper's claims from a study's tables."""

from pathlib import Path

import click

from badminima.analysis.claims import evaluate_claims, readable_table
from badminima.analysis.paper import CLAIMS
from badminima.analysis.tables import read_study
from badminima.cli import FOLDER, OUTPUT_FILE, one_line_errors, settings_option
from badminima.files import atomic_path, write_text
from badminima.settings import ClaimsSettings


@click.command(help=__doc__)
@click.option("--tables", type=FOLDER, required=True, help="Folder of the study's tables.")
@settings_option(ClaimsSettings)
@click.option("--csv", type=OUTPUT_FILE, required=True, help="Output: a row per claim, dataset and model.")
@click.option("--html", type=OUTPUT_FILE, required=True, help="Output: the same, to be read.")
@one_line_errors
def main(tables: Path, settings: ClaimsSettings, csv: Path, html: Path) -> None:
    claims = evaluate_claims(CLAIMS, read_study(tables), settings)
    with atomic_path(csv) as temporary:
        claims.to_csv(temporary, index=False)
    write_text(html, readable_table(claims, settings.statistics))


if __name__ == "__main__":
    main()

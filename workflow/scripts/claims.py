"""Decide the papers' claims, all of them or those of one target, from the tables of the studies that they name."""

from pathlib import Path

import click
import pandas as pd

from badminima.analysis.claims import CLAIMS, GROUPS, Role, claims_of
from badminima.analysis.claims.evidence import toy_tables
from badminima.analysis.claims.grids import ClaimsSettings
from badminima.analysis.claims.verdicts import evaluate_claims, read_together
from badminima.analysis.tables import StudyTables, read_study
from badminima.cli import FOLDER, INPUT_FILE, OUTPUT_FILE, one_line_errors, settings_option
from badminima.report.html import claims_page
from badminima.report.wording import plain_text
from badminima.storage.files import atomic_path, write_text


@click.command(help=__doc__)
@click.option("--study", type=FOLDER, help="Folder of tables: the study of claims 1 to 5.")
@click.option("--control", type=FOLDER, help="Folder of tables: the study of the controls.")
@click.option("--replication", type=FOLDER, help="Folder of tables: the study of claim 6.")
@click.option("--label-noise", type=FOLDER, help="Folder of tables: the study of claims b.")
@click.option("--toy", type=INPUT_FILE, help="Table of the toy.")
@click.option("--only", type=click.Choice(GROUPS), help="The claims of one target; they are printed too.")
@settings_option(ClaimsSettings)
@click.option("--csv", type=OUTPUT_FILE, required=True, help="Output: a row per claim, dataset and model.")
@click.option("--html", type=OUTPUT_FILE, required=True, help="Output: the same, to be read.")
@one_line_errors
def main(
    study: Path | None,
    control: Path | None,
    replication: Path | None,
    label_noise: Path | None,
    toy: Path | None,
    only: str | None,
    settings: ClaimsSettings,
    csv: Path,
    html: Path,
) -> None:
    folders: dict[Role, Path | None] = {
        "study": study,
        "control": control,
        "replication": replication,
        "label_noise": label_noise,
    }
    studies: dict[Role, StudyTables] = {role: read_study(folder) for role, folder in folders.items() if folder}
    if toy:
        studies["toy"] = toy_tables(pd.read_csv(toy))
    claims = evaluate_claims(claims_of(only) if only else CLAIMS, studies, settings)
    if not only:
        claims = read_together(claims, settings.statistics)
    with atomic_path(csv) as temporary:
        claims.to_csv(temporary, index=False)
    # What one target needs is made without figures.
    write_text(html, claims_page(claims, settings.statistics, figures=None if only else "figures"))
    if only:
        click.echo(plain_text(claims))


if __name__ == "__main__":
    main()

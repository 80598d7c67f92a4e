"""Decide the papers' claims, all of them or those of one target, from the tables of the studies that they name.

Args:
    study: folder of tables: the study of claims 1 to 5.
    control: folder of tables: the study of the controls.
    replication: folder of tables: the study of claim 6.
    label_noise: folder of tables: the study of claims b.
    toy: table of the toy.
    only: the claims of one target; they are printed too.
    csv: output: a row per claim, dataset and model.
    html: output: the same, to be read.
"""

from typing import get_args

import pandas as pd

from badminima.analysis.claims import CLAIMS, Role, claims_of
from badminima.analysis.claims.evidence import toy_tables
from badminima.analysis.claims.grids import ClaimsSettings
from badminima.analysis.claims.verdicts import evaluate_claims, read_together
from badminima.analysis.tables import read_study
from badminima.cli import Folder, Input, Output, command
from badminima.report.html import claims_page
from badminima.report.wording import plain_text
from badminima.storage.files import atomic_path, write_text


@command
def claims(
    settings: ClaimsSettings,
    csv: Output,
    html: Output,
    study: Folder | None = None,
    control: Folder | None = None,
    replication: Folder | None = None,
    label_noise: Folder | None = None,
    toy: Input | None = None,
    only: str = "",
) -> None:
    folders = (study, control, replication, label_noise)
    studies = {role: read_study(folder) for role, folder in zip(get_args(Role), folders, strict=False) if folder}
    if toy:
        studies["toy"] = toy_tables(pd.read_csv(toy))
    found = evaluate_claims(claims_of(only) if only else CLAIMS, studies, settings)
    if not only:
        found = read_together(found, settings.statistics)
    with atomic_path(csv) as temporary:
        found.to_csv(temporary, index=False)
    # What one target needs is made without figures.
    write_text(html, claims_page(found, settings.statistics, figures=None if only else "figures"))
    if only:
        print(plain_text(found))

"""Make studies without summaries, and decide claims by them; tests of claims share it."""

from functools import partial

import pandas as pd

from badminima.analysis.claims.grids import ClaimsSettings
from badminima.analysis.claims.verdicts import evaluate_claims
from badminima.config import StudyConfig
from tests.unit import study

GRID = StudyConfig(question="?", datasets=["digits"], models=["mlp"], inits=["random"], recipes=["vanilla"], seeds=[0])
made_up_study = partial(study.made_up_study, summaries=False)


def decided(claims, tables, *roles: str, dataset="digits", **settings) -> pd.DataFrame:
    """Return the rows of claims by number; one study, whose cells its tables say, is that of all the roles."""
    grids = dict.fromkeys(roles, GRID.model_copy(update={"datasets": [dataset]}))
    known = ClaimsSettings(studies=grids, statistics=study.STATISTICS, root_seed=0, **settings)
    return evaluate_claims(claims, dict.fromkeys(roles, tables), known).set_index("claim")

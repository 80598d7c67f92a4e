"""What each recipe gains and what each init costs: differences of test accuracy, paired by seed and by test image."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from badminima.analysis.statistics import estimate
from badminima.config import StatisticsConfig

COLUMNS = ["dataset", "model", "init", "recipe", "difference", "mean", "sd", "low", "high", "seeds"]
BASELINE_INIT, BASELINE_RECIPE = "random", "vanilla"


def gaps_table(
    runs: pd.DataFrame,
    correct_of: Callable[[pd.DataFrame], np.ndarray],
    statistics: StatisticsConfig,
    root_seed: int,
) -> pd.DataFrame:
    """Two rows per cell (init, recipe), where the study has the cells that they need.

    - ``gain``: test accuracy of the cell minus that of vanilla SGD from the same init.
    - ``cost``: test accuracy of the recipe from random weights minus that of the cell.

    Diverged runs take no part; a difference needs a seed that both sides have.

    Args:
        runs: a study's runs.
        correct_of: gives which test images some rows of ``runs`` get right, ``[rows, n] bool``.
        statistics: how intervals are made.
        root_seed: seed of the resampling.
    """
    sound = runs[runs["status"] != "diverged"].sort_values("seed")
    rows = []
    for (dataset, model), members in sound.groupby(["dataset", "model"], sort=False):
        cells = dict(list(members.groupby(["init", "recipe"], sort=False)))
        for (init, recipe), cell in cells.items():
            for difference, other, sign in (
                ("gain", (init, BASELINE_RECIPE), 1),
                ("cost", (BASELINE_INIT, recipe), -1),
            ):
                if other not in cells or other == (init, recipe):
                    continue
                shared = set(cell["seed"]) & set(cells[other]["seed"])
                if not shared:
                    continue
                one, two = (table[table["seed"].isin(shared)] for table in (cell, cells[other]))
                images = sign * (correct_of(one).astype(float) - correct_of(two))
                found = estimate(images.mean(axis=1), statistics, root_seed, images)
                values = (found.mean, found.sd, found.low, found.high, found.seeds)
                rows.append((dataset, model, init, recipe, difference, *values))
    return pd.DataFrame(rows, columns=COLUMNS)

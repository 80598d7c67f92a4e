"""Estimate the gain of each recipe, the share of a gap that it closes, and the cost of each init, paired."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from badminima.analysis.statistics import Estimate, estimate, ratio
from badminima.config import StatisticsConfig
from badminima.config.training import BASELINE_INIT, BASELINE_RECIPE
from badminima.experiment.runs import Cell

COLUMNS = ["dataset", "model", "init", "recipe", "difference", "mean", "sd", "low", "high", "seeds"]


def gaps_table(
    runs: pd.DataFrame,
    correct_of: Callable[[pd.DataFrame], np.ndarray] | None,
    statistics: StatisticsConfig,
    root_seed: int,
) -> pd.DataFrame:
    """Up to three rows per cell (init, recipe), where the study has the cells that they need.

    - ``gain``: test accuracy of the cell minus that of vanilla SGD from the same init.
    - ``cost``: test accuracy of the recipe from random weights minus that of the cell.
    - ``closed``: the gain over the cost of the same init under vanilla SGD, which is the gap: 0 is as bad as vanilla
      SGD from there, 1 as good as vanilla SGD from random weights. Its interval is infinite where there is no gap to
      close: where the gap is not above zero, or its interval holds zero.

    Diverged runs take no part; a difference needs a seed that both sides have.

    Args:
        runs: a study's runs.
        correct_of: gives which test images some rows of ``runs`` get right, ``[rows, n] bool``. None where each
            seed has a test set of its own: its noise is then in that of the seeds.
        statistics: how intervals are made.
        root_seed: seed of the resampling.
    """
    sound = runs[runs["status"] != "diverged"].sort_values("seed")
    rows = []
    for (dataset, model), members in sound.groupby(["dataset", "model"], sort=False):
        grouped = members.groupby(["init", "recipe"], sort=False)
        cells = {(str(init), str(recipe)): cell for (init, recipe), cell in grouped}
        for init, recipe in cells:
            vanilla, goal = (init, BASELINE_RECIPE), (BASELINE_INIT, BASELINE_RECIPE)
            for difference, chosen in (
                ("gain", [(init, recipe), vanilla]),
                ("cost", [(BASELINE_INIT, recipe), (init, recipe)]),
                ("closed", [(init, recipe), goal, vanilla]),
            ):
                images = _correct(cells, correct_of, *chosen)
                if images is not None:
                    found = vars(_estimated(images, statistics, root_seed, shared=correct_of is not None))
                    rows.append((dataset, model, init, recipe, difference, *(found[name] for name in COLUMNS[5:])))
    return pd.DataFrame(rows, columns=COLUMNS)


def _correct(
    cells: Mapping[Cell, pd.DataFrame], correct_of: Callable[[pd.DataFrame], np.ndarray] | None, *chosen: Cell
) -> np.ndarray | None:
    """Which test images runs of several cells get right, of the seeds that all have, ``[cells, seeds, n]``.

    Without ``correct_of`` the test accuracies, ``[cells, seeds, 1]``. None where a cell is missing or among them twice,
    or no seed is in all.
    """
    if len(set(chosen)) < len(chosen) or not set(chosen) <= set(cells):
        return None
    shared = set.intersection(*(set(cells[cell]["seed"]) for cell in chosen))
    if not shared:
        return None
    tables = [cells[cell][cells[cell]["seed"].isin(shared)] for cell in chosen]
    if correct_of is None:
        return np.stack([table[["test_accuracy"]].to_numpy(dtype=float) for table in tables])
    return np.stack([correct_of(table) for table in tables]).astype(float)


def _estimated(images: np.ndarray, statistics: StatisticsConfig, root_seed: int, shared: bool) -> Estimate:
    """Return a difference of two cells, or the share of the gap from start to goal that a cell closes.

    Args:
        images: which are right, of the two, or of cell, goal and start, ``[2 or 3, seeds, n]``.
        statistics: how intervals are made.
        root_seed: seed of the resampling.
        shared: whether the seeds have the same images.
    """
    if len(images) == 2:
        gain = images[0] - images[1]
        return estimate(gain.mean(axis=1), statistics, root_seed, gain if shared else None)
    cell, goal, start = images
    gain, gap = cell - start, goal - start
    of_images = np.stack([gain.mean(axis=0), gap.mean(axis=0)]) if shared else None
    found = ratio(gain.mean(axis=1), gap.mean(axis=1), statistics, of_images)
    return found if gap.mean() > 0 or found.seeds == 1 else replace(found, low=-np.inf, high=np.inf)

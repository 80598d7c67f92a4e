"""Estimate the gain of each recipe, the share of a gap that it closes, and the cost of each init, paired."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from badminima.analysis.statistics import Ratio, estimate, ratio
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
            same_init, same_recipe = (init, BASELINE_RECIPE), (BASELINE_INIT, recipe)
            for difference, one, other in (
                ("gain", (init, recipe), same_init),
                ("cost", same_recipe, (init, recipe)),
            ):
                images = _correct(cells, correct_of, one, other)
                if images is not None:
                    gain = images[0] - images[1]
                    found = estimate(gain.mean(axis=1), statistics, root_seed, None if correct_of is None else gain)
                    values = (found.mean, found.sd, found.low, found.high, found.seeds)
                    rows.append((dataset, model, init, recipe, difference, *values))
            images = _correct(cells, correct_of, (init, recipe), (BASELINE_INIT, BASELINE_RECIPE), same_init)
            if images is not None:
                closed = _closed(images, statistics, shared=correct_of is not None)
                values = (closed.value, np.nan, closed.low, closed.high, closed.seeds)
                rows.append((dataset, model, init, recipe, "closed", *values))
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


def _closed(images: np.ndarray, statistics: StatisticsConfig, shared: bool) -> Ratio:
    """Return the share of the gap from start to goal that a cell closes.

    Args:
        images: which are right, of cell, goal and start, ``[3, seeds, n]``.
        statistics: coverage.
        shared: whether the seeds have the same images.
    """
    cell, goal, start = images
    gain, gap = cell - start, goal - start
    of_images = np.stack([gain.mean(axis=0), gap.mean(axis=0)]) if shared else None
    found = ratio(gain.mean(axis=1), gap.mean(axis=1), statistics, of_images)
    return found if gap.mean() > 0 or found.seeds == 1 else Ratio(found.value, -np.inf, np.inf, found.seeds)

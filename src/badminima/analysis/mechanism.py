"""Changes on the way out of a bad minimum, and whether they come before that of the test accuracy.

A cause of escape should change in every recipe that escapes, in none that stays, and first. Each of the three can be
read off the path of the runs; none of them proves a cause.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from badminima.analysis.statistics import estimate
from badminima.config import StatisticsConfig

ACCURACY = "test_accuracy"
CELL = ["dataset", "model", "init", "recipe"]
# Of the range that a measure has in all runs from one start: below, it has not changed.
STILL = 0.1
HALF = 0.5
MOST_LAG = 5  # evaluated epochs

RECIPE_COLUMNS = [
    *(*CELL, "outcome", "measure", "change", "change_low", "change_high", "half_epoch"),
    *("lead", "lead_low", "lead_high", "correlation", "lag", "seeds"),
]
MEASURE_COLUMNS = ["dataset", "model", "init", "measure", "escaping", "staying", "changes", "still", "first", "tells"]


def outcomes_of(gaps: pd.DataFrame) -> pd.DataFrame:
    """Return what each cell's recipe does: ``escapes``, ``stays`` or ``unclear``.

    It escapes if it surely closes more than half of the gap between vanilla SGD from its start and from random
    weights, and stays if it surely closes less.

    Args:
        gaps: of a study, see :func:`badminima.analysis.gaps.gaps_table`.
    """
    closed = gaps[gaps["difference"] == "closed"]
    outcome = np.select([closed["low"] > HALF, closed["high"] < HALF], ["escapes", "stays"], "unclear")
    return closed[CELL].assign(outcome=outcome)


def paths_table(
    histories: pd.DataFrame,
    gaps: pd.DataFrame,
    measures: Sequence[str],
    statistics: StatisticsConfig,
    root_seed: int,
) -> pd.DataFrame:
    """Return a row per cell and measure: how it changes along the path, and how long before the test accuracy.

    - ``change``: end minus start, as a share of the measure's range over all runs from that start.
    - ``half_epoch``: median over seeds of the first evaluated epoch with half of the change behind it.
    - ``lead``: that of the test accuracy minus that of the measure, in epochs: above 0 the measure goes first.
    - ``correlation``: Spearman's between the measure's steps and the accuracy's ``lag`` evaluated epochs later, mean
      over seeds, at the lag where it is farthest from 0. A lag above 0 means that the measure goes first.

    Vanilla SGD, whose share of the gap is 0, stays.

    Args:
        histories: evaluated epochs of a study's runs.
        gaps: of the same study.
        measures: columns of ``histories``.
        statistics: how intervals are made.
        root_seed: seed of the resampling.
    """
    known = outcomes_of(gaps).set_index(CELL)["outcome"]
    rows = []
    for start, paths in histories.groupby(CELL[:-1], sort=False):
        ranges = {name: paths[name].max() - paths[name].min() for name in measures}
        for recipe, cell in paths.groupby("recipe", sort=False):
            key = (*start, recipe)
            outcome = known.get(key, "stays" if recipe == "vanilla" else "unclear")
            runs = [run.sort_values("epoch") for _, run in cell.groupby("seed")]
            rows += [
                (*key, outcome, name, *_of_measure(runs, name, ranges[name], statistics, root_seed))
                for name in measures
            ]
    return pd.DataFrame(rows, columns=RECIPE_COLUMNS)


def verdicts_table(paths: pd.DataFrame) -> pd.DataFrame:
    """Return a row per measure and start: whether it meets the three demands of a cause.

    - ``changes``: in every recipe that escapes, by a tenth of its range at least, and in one direction.
    - ``still``: in no recipe that stays it changes so in that direction.
    - ``first``: in every recipe that escapes its lead is surely above 0.
    - ``tells``: all three. False where nothing escapes, or nothing stays.

    Args:
        paths: see :func:`paths_table`.
    """
    rows = []
    for (*start, measure), cells in paths.groupby(["dataset", "model", "init", "measure"], sort=False):
        escaping, staying = (cells[cells["outcome"] == outcome] for outcome in ("escapes", "stays"))
        direction = np.sign(escaping["change"].sum())
        changes = len(escaping) > 0 and bool((direction * escaping["change"] >= STILL).all())
        still = len(staying) > 0 and bool((direction * staying["change"] < STILL).all())
        first = len(escaping) > 0 and bool((escaping["lead_low"] > 0).all())
        values = (len(escaping), len(staying), changes, still, first, changes and still and first)
        rows.append((*start, measure, *values))
    return pd.DataFrame(rows, columns=MEASURE_COLUMNS)


def half_epoch(epochs: np.ndarray, values: np.ndarray) -> float:
    """Return the first epoch at which a series has half of its change behind it; NaN if it has none or a gap.

    Args:
        epochs: rising, ``[n]``.
        values: at these epochs, ``[n]``.
    """
    change = values[-1] - values[0]
    if not np.isfinite(values).all() or change == 0:
        return np.nan
    return float(epochs[np.argmax((values - values[0]) / change >= HALF)])


def lagged_correlations(measure: np.ndarray, accuracy: np.ndarray) -> dict[int, float]:
    """Return Spearman's correlation of the steps of two series ``[n]`` by the lag of the second; NaN without steps."""
    steps, others = np.diff(measure), np.diff(accuracy)
    found = {}
    for lag in range(-MOST_LAG, MOST_LAG + 1):
        one, other = steps[max(0, -lag) : len(steps) - max(0, lag)], others[max(0, lag) : len(others) - max(0, -lag)]
        varied = len(one) > 2 and len(np.unique(one)) > 1 and len(np.unique(other)) > 1
        found[lag] = float(spearmanr(one, other).statistic) if varied else np.nan
    return found


def _of_measure(
    runs: Sequence[pd.DataFrame], name: str, span: float, statistics: StatisticsConfig, root_seed: int
) -> tuple[float, ...]:
    """Return the numbers of :func:`paths_table` of one cell's runs."""
    series = [(run["epoch"].to_numpy(), run[name].to_numpy(float), run[ACCURACY].to_numpy(float)) for run in runs]
    changes = np.array([values[-1] - values[0] for _, values, _ in series])
    halves = np.array([half_epoch(epochs, values) for epochs, values, _ in series])
    of_accuracy = np.array([half_epoch(epochs, accuracy) for epochs, _, accuracy in series])
    change = estimate(changes / span if span else changes, statistics, root_seed)
    lead = estimate(of_accuracy - halves, statistics, root_seed)
    by_lag = pd.DataFrame([lagged_correlations(values, accuracy) for _, values, accuracy in series]).mean()
    place = int(np.nanargmax(by_lag.abs())) if by_lag.notna().any() else None
    correlation, lag = (np.nan, np.nan) if place is None else (by_lag.iloc[place], place - MOST_LAG)
    return (
        *(change.mean, change.low, change.high, float(np.nanmedian(halves)) if np.isfinite(halves).any() else np.nan),
        *(lead.mean, lead.low, lead.high, float(correlation), float(lag), len(runs)),
    )

"""Decisions by an estimate: p-values, many of them read together, and the power to decide.

A verdict is read off an interval, so it is two one-sided tests at once: for the claimed side and for the other. The
p-value here is that of both, and is below ``1 - confidence`` where the interval lies on one side.
"""

import numpy as np
from scipy.special import nctdtr, nctdtrinc, stdtr, stdtrit

from badminima.analysis.statistics import Estimate
from badminima.config import StatisticsConfig
from badminima.config.studies import Region

POWER = 0.8  # the customary chance to find what is there (Cohen 1988)
MOST_SEEDS = 100  # a design with more is not thought of


def p_value(found: Estimate, region: Region, threshold: float) -> float:
    """Return the two-sided p-value of a verdict; NaN where there is no interval or no threshold.

    - ``above``: twice the smaller chance of an error as large as from the threshold to the mean.
    - ``within``: twice the smaller p-value of the equivalence test (two one-sided tests, Schuirmann 1987) and of the
      test that the statistic lies beyond a bound.

    Args:
        found: what was estimated.
        region: the claimed side: ``above`` the threshold, or ``within`` plus and minus the threshold.
        threshold: the border.
    """
    if found.seeds == 1 or np.isnan(threshold) or np.isnan(found.image_deviations).any():
        return np.nan
    if region == "above":
        below = _probability_below(found, threshold)
        return 2 * min(below, 1 - below)
    below, above = _probability_below(found, -threshold), 1 - _probability_below(found, threshold)
    inside, outside = max(below, above), min(1 - below, 1 - above)
    return min(1.0, 2 * min(inside, outside))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for being read together (Holm 1979), ``[n]``; NaN stays and counts for nothing.

    The chance that any of them falls below a level by luck alone is at most that level, however they depend on each
    other. The direction of each verdict is covered too if they are independent (Shaffer 1980).
    """
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * p_values[order]))
    return adjusted


def detectable(found: Estimate, region: Region, statistics: StatisticsConfig) -> float:
    """Return the distance from a threshold that the design finds with a chance of 80%; NaN where there is no interval.

    For ``within`` it is the smallest margin that it would show if there were no difference at all. The spread over
    seeds counts as known, though few seeds tell it badly.
    """
    if found.seeds == 1:
        return np.nan
    missed = 1 - POWER if region == "above" else (1 - POWER) / 2
    freedom = found.seeds - 1
    return float(nctdtrinc(freedom, missed, _critical(freedom, statistics)) * _standard_error(found, found.seeds))


def seeds_needed(found: Estimate, region: Region, threshold: float, statistics: StatisticsConfig) -> float:
    """Return how many seeds would decide for what was found with a chance of 80%.

    Infinity means that more than a hundred would not, often because the test images are too few. NaN means that there
    is no interval or no threshold.
    """
    if found.seeds == 1 or np.isnan(threshold):
        return np.nan
    distance = abs(found.mean - threshold) if region == "above" else abs(threshold - abs(found.mean))
    for seeds in range(2, MOST_SEEDS + 1):
        critical, error = _critical(seeds - 1, statistics), _standard_error(found, seeds)
        if error == 0 or 1 - nctdtr(seeds - 1, distance / error, critical) >= POWER:
            return float(seeds)
    return np.inf


def _probability_below(found: Estimate, bound: float) -> float:
    """Return the probability that the mean plus its error is at most a bound."""
    error = found.sd / np.sqrt(found.seeds)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Where seeds agree exactly, the error is that of the images alone: 0 or 1 for each draw.
        scores = np.nan_to_num((bound - found.mean - found.image_deviations) / error, nan=0.0)
    return float(stdtr(found.seeds - 1, scores).mean())


def _standard_error(found: Estimate, seeds: int) -> float:
    """Return the standard error of the mean over so many seeds; test images stay what they are."""
    return float(np.sqrt(found.sd**2 / seeds + found.image_deviations.var()))


def _critical(freedom: int, statistics: StatisticsConfig) -> float:
    """Return the quantile of Student's t that an interval ends at."""
    return float(stdtrit(freedom, (1 + statistics.confidence) / 2))

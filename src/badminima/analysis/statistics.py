"""Intervals for means over seeds, with the noise of a finite test set in them; decisions; parts of a variance.

A mean accuracy over ``S`` seeds on ``n`` test images is uncertain twice: other seeds would have given other
networks, and other test images other accuracies. Both parts are distributions of the mean's error, added:

- over seeds, Student's t with ``S - 1`` degrees of freedom times ``sd / sqrt(S)``. A bootstrap of three or five values
  is far too narrow, and no scaling of it has a tail; under normal seeds t has the stated coverage at any ``S``;
- over images, a bootstrap of each image's mean over seeds.

The interaction of the two is in both parts, so the sum is slightly too wide rather than too narrow. One seed says
nothing of other seeds, so it has no interval.

A verdict is read off an interval, so it is two one-sided tests at once: for the claimed side and for the other. Its
p-value is that of both, and is below ``1 - confidence`` where the interval lies on one side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.special import fdtrc, nctdtr, nctdtrinc, ndtri, stdtr, stdtrit

from badminima.config import StatisticsConfig
from badminima.config.studies import Region
from badminima.seeding import generator

# Resamples that are summed at once.
ROWS = 128
POWER = 0.8  # the customary chance to find what is there (Cohen 1988)
MOST_SEEDS = 100  # a design with more is not thought of
PARTS_COLUMNS = ["part", "levels", "degrees", "mean_square", "variance", "share", "p_value"]
# What no part of a seed does alone.
TOGETHER = "together"


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, or a ratio of two, with its interval.

    Attributes:
        mean: mean over seeds.
        sd: standard deviation over seeds (NaN for one seed).
        low, high: interval; NaN for one seed.
        seeds: number of seeds.
        image_deviations: draws of the part of the mean's error that the test images make, ``[resamples]``; a single 0
            for statistics that have no test set.
    """

    mean: float
    sd: float
    low: float
    high: float
    seeds: int
    image_deviations: np.ndarray

    def within(self, least: float, most: float) -> "Estimate":
        """Return it with its interval cut off where no value can lie."""
        low, high = (float(np.clip(end, least, most)) for end in (self.low, self.high))
        return replace(self, low=low, high=high)


def estimate(
    values: np.ndarray, statistics: StatisticsConfig, root_seed: int, image_values: np.ndarray | None = None
) -> Estimate:
    """Mean over seeds and its interval.

    Args:
        values: one value per seed, ``[S]``.
        statistics: coverage and number of draws.
        root_seed: seed of the resampling.
        image_values: per-image terms whose mean over images is ``values`` (0/1 correctness, or a difference of
            two), ``[S, n]``; adds the noise of a finite test set. None for statistics that have no test set.
    """
    seeds, mean = len(values), float(np.mean(values))
    if seeds == 1:
        return Estimate(mean, np.nan, np.nan, np.nan, seeds, np.zeros(1))
    sd = float(np.std(values, ddof=1))
    tail = (1 - statistics.confidence) / 2
    if image_values is None:
        images = np.zeros(1)
        low, high = mean + stdtrit(seeds - 1, np.array([tail, 1 - tail])) * sd / np.sqrt(seeds)
    else:
        images = _resampled(image_values.mean(axis=0), statistics, root_seed)
        deviations = _student(seeds, statistics.resamples, root_seed) * sd / np.sqrt(seeds) + images
        low, high = mean + np.quantile(deviations, [tail, 1 - tail])
    return Estimate(mean, sd, float(low), float(high), seeds, images)


def ratio(
    numerators: np.ndarray, denominators: np.ndarray, statistics: StatisticsConfig, images: np.ndarray | None = None
) -> Estimate:
    """Ratio of two means, with Fieller's interval (Fieller 1954, "Some problems in interval estimation").

    It holds each ratio ``r`` for which the mean of ``numerators - r * denominators`` does not differ from zero, which
    is exact for normal seeds. The noise of the test set is added in square to that of the seeds, with the normal's
    quantile where theirs is Student's t.

    Args:
        numerators, denominators: one value per seed, in the same order, ``[S]``.
        statistics: coverage.
        images: per-image terms of both, averaged over seeds, whose means are those of the values, ``[2, n]``; None
            for statistics that have no test set.

    Returns:
        The mean of the numerators over that of the denominators, without a standard deviation. Its interval is
        infinite where the denominator's own interval holds zero, and NaN for one seed.
    """
    seeds, top, bottom = len(numerators), float(np.mean(numerators)), float(np.mean(denominators))
    value = top / bottom if bottom else np.nan
    if seeds == 1:
        return Estimate(value, np.nan, np.nan, np.nan, seeds, np.zeros(1))
    upper = (1 + statistics.confidence) / 2
    noise = stdtrit(seeds - 1, upper) ** 2 * np.cov(numerators, denominators) / seeds
    if images is not None:
        noise = noise + ndtri(upper) ** 2 * np.cov(images) / images.shape[1]
    # Bounds are where (top - r * bottom)^2 meets the noise of numerators - r * denominators: squared r, r, constant.
    squared, linear, constant = bottom**2 - noise[1, 1], top * bottom - noise[0, 1], top**2 - noise[0, 0]
    if squared <= 0:
        return Estimate(value, np.nan, -np.inf, np.inf, seeds, np.zeros(1))
    spread = np.sqrt(max(0.0, linear**2 - squared * constant))
    low, high = float((linear - spread) / squared), float((linear + spread) / squared)
    return Estimate(value, np.nan, low, high, seeds, np.zeros(1))


def p_value(found: Estimate, region: Region, threshold: float) -> float:
    """Return the two-sided p-value of a verdict; NaN where there is no threshold.

    - ``above``: twice the smaller chance of an error as large as from the threshold to the mean.
    - ``within``: twice the smaller p-value of the equivalence test (two one-sided tests, Schuirmann 1987) and of the
      test that the statistic lies beyond a bound.

    Args:
        found: what was estimated.
        region: the claimed side: ``above`` the threshold, or ``within`` plus and minus the threshold.
        threshold: the border.
    """
    if np.isnan(threshold):
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
    """Return the distance from a threshold that the design finds with a chance of 80%.

    For ``within`` it is the smallest margin that it would show if there were no difference at all. The spread over
    seeds counts as known, though few seeds tell it badly.
    """
    missed = 1 - POWER if region == "above" else (1 - POWER) / 2
    freedom = found.seeds - 1
    return float(nctdtrinc(freedom, missed, _critical(freedom, statistics)) * _standard_error(found, found.seeds))


def seeds_needed(found: Estimate, region: Region, threshold: float, statistics: StatisticsConfig) -> float:
    """Return how many seeds would decide for what was found with a chance of 80%.

    Infinity means that more than a hundred would not, often because the test images are too few. NaN means that there
    is no threshold.
    """
    if np.isnan(threshold):
        return np.nan
    distance = abs(found.mean - threshold) if region == "above" else abs(threshold - abs(found.mean))
    for seeds in range(2, MOST_SEEDS + 1):
        critical, error = _critical(seeds - 1, statistics), _standard_error(found, seeds)
        if error == 0 or 1 - nctdtr(seeds - 1, distance / error, critical) >= POWER:
            return float(seeds)
    return np.inf


def variance_parts(values: np.ndarray, levels: Mapping[str, Sequence[int]]) -> pd.DataFrame:
    """Split the variance of runs by the parts of their seeds, in a design that crosses all levels of all parts.

    A run's value is a mean plus a random effect of each part plus a rest. Training is deterministic, so the rest is no
    noise: it is what parts do together. Variances are those of the analysis of variance (Searle, Casella & McCulloch
    1992, section 4.4): of a part ``(MS - MS_rest) / runs per level``, at least 0, where ``MS`` is a mean square; of the
    rest ``MS_rest``. The p-value is that of the F test of ``MS / MS_rest``, exact for normal effects.

    Args:
        values: of the runs, ``[n]``.
        levels: of each part, its level in each run, ``[n]``; every combination occurs once.

    Returns:
        A row per part and one for ``TOGETHER``, with the columns ``PARTS_COLUMNS``. Shares are of the sum of all
        variances; NaN where all values are the same.
    """
    codes = {part: np.unique(np.asarray(of_part), return_inverse=True)[1] for part, of_part in levels.items()}
    counts = {part: int(code.max()) + 1 for part, code in codes.items()}
    centred = values - values.mean()
    squares = {
        part: float(
            sum(centred[code == level].sum() ** 2 for level in range(counts[part])) * counts[part] / len(values)
        )
        for part, code in codes.items()
    }
    degrees = {part: count - 1 for part, count in counts.items()}
    left = len(values) - 1 - sum(degrees.values())
    # Rounding may leave less than nothing.
    rest = max(0.0, float(centred @ centred) - sum(squares.values())) / left
    rows: list[tuple[str | float, ...]] = []
    for part, count in counts.items():
        mean_square = squares[part] / degrees[part]
        variance = max(0.0, mean_square - rest) * count / len(values)
        ratio = mean_square / rest if rest else np.inf if mean_square else np.nan
        rows.append((part, count, degrees[part], mean_square, variance, float(fdtrc(degrees[part], left, ratio))))
    rows.append((TOGETHER, np.nan, left, rest, rest, np.nan))
    found = pd.DataFrame(rows, columns=[name for name in PARTS_COLUMNS if name != "share"])
    total = found["variance"].sum()
    return found.assign(share=found["variance"] / total if total else np.nan)[PARTS_COLUMNS]


@lru_cache(maxsize=8)  # cells of as many seeds share them
def _student(seeds: int, resamples: int, root_seed: int) -> np.ndarray:
    """Draws from Student's t, ``[resamples]``: one from each of equally likely slices, in random order."""
    slices = (np.arange(resamples) + 0.5) / resamples
    rng = generator(root_seed, "interval", "seeds", seeds)
    return rng.permutation(stdtrit(seeds - 1, slices))


def _resampled(values: np.ndarray, statistics: StatisticsConfig, root_seed: int) -> np.ndarray:
    """Bootstrap deviations of the mean of ``values`` from their mean, ``[resamples]``."""
    if not np.all(np.isfinite(values)):
        return np.full(statistics.resamples, np.nan)
    if np.all(values == values[0]):
        return np.zeros(statistics.resamples)
    counts = _resampled_counts(len(values), statistics.resamples, root_seed)
    # A few rows at a time: as floats all of them take eight times the memory.
    sums = [counts[start : start + ROWS].astype(float) @ values for start in range(0, len(counts), ROWS)]
    return np.concatenate(sums) / len(values) - np.mean(values)


@lru_cache(maxsize=2)  # all statistics of a test set share them
def _resampled_counts(n: int, resamples: int, root_seed: int) -> np.ndarray:
    """How often each of ``n`` values is drawn in each bootstrap resample, ``[resamples, n]``."""
    rng = generator(root_seed, "bootstrap", "images", n)
    counts = np.empty((resamples, n), dtype=np.uint16)
    for row in counts:
        row[:] = np.bincount(rng.integers(n, size=n), minlength=n)
    return counts


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

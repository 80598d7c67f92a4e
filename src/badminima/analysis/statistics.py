"""Intervals for means over seeds, with the noise of a finite test set in them.

A mean accuracy over ``S`` seeds on ``n`` test images is uncertain twice: other seeds would have given other
networks, and other test images other accuracies. Both parts are distributions of the mean's error, added:

- over seeds, Student's t with ``S - 1`` degrees of freedom times ``sd / sqrt(S)``. A bootstrap of three or five values
  is far too narrow, and no scaling of it has a tail; under normal seeds t has the stated coverage at any ``S``;
- over images, a bootstrap of each image's mean over seeds.

The interaction of the two is in both parts, so the sum is slightly too wide rather than too narrow. One seed says
nothing of other seeds, so it has no interval.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.special import ndtri, stdtrit

from badminima.config import StatisticsConfig
from badminima.seeding import generator

# Resamples that are summed at once.
ROWS = 128


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its interval.

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

    Raises:
        ValueError: if ``values`` is empty.
    """
    if not len(values):
        raise ValueError("an estimate needs at least one seed")
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


@dataclass(frozen=True)
class Ratio:
    """A ratio of two means over the same seeds, with its interval.

    Attributes:
        value: mean of the numerators over mean of the denominators.
        low, high: interval; infinite where the denominator's own interval holds zero, NaN for one seed.
        seeds: number of seeds.
    """

    value: float
    low: float
    high: float
    seeds: int


def ratio(
    numerators: np.ndarray, denominators: np.ndarray, statistics: StatisticsConfig, images: np.ndarray | None = None
) -> Ratio:
    """Ratio of two means, with Fieller's interval (Fieller 1954, "Some problems in interval estimation").

    It holds each ratio ``r`` for which the mean of ``numerators - r * denominators`` does not differ from zero, which
    is exact for normal seeds. The noise of the test set is added in square to that of the seeds, with the normal's
    quantile where theirs is Student's t.

    Args:
        numerators, denominators: one value per seed, in the same order, ``[S]``.
        statistics: coverage.
        images: per-image terms of both, averaged over seeds, whose means are those of the values, ``[2, n]``; None
            for statistics that have no test set.
    """
    seeds, top, bottom = len(numerators), float(np.mean(numerators)), float(np.mean(denominators))
    value = top / bottom if bottom else np.nan
    if seeds == 1:
        return Ratio(value, np.nan, np.nan, seeds)
    upper = (1 + statistics.confidence) / 2
    noise = stdtrit(seeds - 1, upper) ** 2 * np.cov(numerators, denominators) / seeds
    if images is not None:
        noise = noise + ndtri(upper) ** 2 * np.cov(images) / images.shape[1]
    # Bounds are where (top - r * bottom)^2 meets the noise of numerators - r * denominators: squared r, r, constant.
    squared, linear, constant = bottom**2 - noise[1, 1], top * bottom - noise[0, 1], top**2 - noise[0, 0]
    if squared <= 0:
        return Ratio(value, -np.inf, np.inf, seeds)
    spread = np.sqrt(max(0.0, linear**2 - squared * constant))
    return Ratio(value, float((linear - spread) / squared), float((linear + spread) / squared), seeds)


@lru_cache(maxsize=8)  # cells of as many seeds share them
def _student(seeds: int, resamples: int, root_seed: int) -> np.ndarray:
    """Draws from Student's t, ``[resamples]``: one from each of equally likely slices, in random order."""
    slices = (np.arange(resamples) + 0.5) / resamples
    rng = generator(root_seed, "interval", "seeds", seeds)
    draws: np.ndarray = rng.permutation(stdtrit(seeds - 1, slices))
    return draws


def _resampled(values: np.ndarray, statistics: StatisticsConfig, root_seed: int) -> np.ndarray:
    """Bootstrap deviations of the mean of ``values`` from their mean, ``[resamples]``."""
    if not np.all(np.isfinite(values)):
        return np.full(statistics.resamples, np.nan)
    if np.all(values == values[0]):
        return np.zeros(statistics.resamples)
    counts = _resampled_counts(len(values), statistics.resamples, root_seed)
    # A few rows at a time: as floats all of them take eight times the memory.
    sums = [counts[start : start + ROWS].astype(float) @ values for start in range(0, len(counts), ROWS)]
    deviations: np.ndarray = np.concatenate(sums) / len(values) - np.mean(values)
    return deviations


@lru_cache(maxsize=2)  # all statistics of a test set share them
def _resampled_counts(n: int, resamples: int, root_seed: int) -> np.ndarray:
    """How often each of ``n`` values is drawn in each bootstrap resample, ``[resamples, n]``."""
    rng = generator(root_seed, "bootstrap", "images", n)
    counts = np.empty((resamples, n), dtype=np.uint16)
    for row in counts:
        row[:] = np.bincount(rng.integers(n, size=n), minlength=n)
    return counts

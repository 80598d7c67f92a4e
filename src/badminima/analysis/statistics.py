"""Intervals for means over seeds, with the noise of a finite test set in them.

A mean accuracy over ``S`` seeds on ``n`` test images is uncertain twice: other seeds would have given other
networks, and other test images other accuracies. Both parts are bootstrapped (scipy) and added:

- over seeds, the deviations inflated by ``sqrt(S / (S - 1))``, since a bootstrap of few values is too narrow by
  that factor (its variance is the plug-in one);
- over images, resampling each image's mean over seeds.

The interaction of the two is in both parts, so the sum is slightly too wide rather than too narrow. With three
seeds any interval is rough: the number of seeds stands beside it everywhere.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

from badminima.config import StatisticsConfig
from badminima.seeding import generator


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its interval.

    Attributes:
        mean: mean over seeds.
        sd: standard deviation over seeds (NaN for one seed).
        low, high: percentile bootstrap interval.
        seeds: number of seeds.
        deviations: bootstrap distribution of the mean's error, ``[resamples]``.
    """

    mean: float
    sd: float
    low: float
    high: float
    seeds: int
    deviations: np.ndarray


def estimate(
    values: np.ndarray, statistics: StatisticsConfig, root_seed: int, image_values: np.ndarray | None = None
) -> Estimate:
    """Mean over seeds and its bootstrap interval.

    Args:
        values: one value per seed, ``[S]``.
        statistics: coverage and number of resamples.
        root_seed: seed of the resampling.
        image_values: per-image terms whose mean over images is ``values`` (0/1 correctness, or a difference of
            two), ``[S, n]``; adds the noise of a finite test set. None for statistics that have no test set.

    Raises:
        ValueError: if ``values`` is empty.
    """
    if not len(values):
        raise ValueError("an estimate needs at least one seed")
    seeds = len(values)
    deviations = np.zeros(statistics.resamples)
    if seeds > 1:
        deviations = deviations + _resampled(values, statistics, root_seed, "seeds") * np.sqrt(seeds / (seeds - 1))
    if image_values is not None:
        deviations = deviations + _resampled(image_values.mean(axis=0), statistics, root_seed, "images")
    mean = float(np.mean(values))
    if seeds == 1 and image_values is None:
        return Estimate(mean, np.nan, np.nan, np.nan, seeds, np.full(statistics.resamples, np.nan))
    tail = (1 - statistics.confidence) / 2
    low, high = mean + np.quantile(deviations, [tail, 1 - tail])
    sd = float(np.std(values, ddof=1)) if seeds > 1 else np.nan
    return Estimate(mean, sd, float(low), float(high), seeds, deviations)


def equivalence_p_value(difference: Estimate, margin: float) -> float:
    """P-value of the two one-sided tests that a difference lies within ``(-margin, margin)``.

    The larger of the two bootstrap probabilities that the difference is at or beyond a bound (Schuirmann 1987),
    ``(1 + count) / (1 + resamples)`` each, so never zero; NaN if the estimate has no interval.
    """
    if np.isnan(difference.deviations).any():
        return np.nan
    draws = difference.mean + difference.deviations
    beyond = max(np.sum(draws <= -margin), np.sum(draws >= margin))
    return float((1 + beyond) / (1 + len(draws)))


def _resampled(values: np.ndarray, statistics: StatisticsConfig, root_seed: int, part: str) -> np.ndarray:
    """Bootstrap deviations of the mean of ``values`` from their mean, ``[resamples]``."""
    if np.all(values == values[0]) or not np.all(np.isfinite(values)):
        return np.zeros(statistics.resamples) if np.all(np.isfinite(values)) else np.full(statistics.resamples, np.nan)
    result = bootstrap(
        (values,),
        np.mean,
        n_resamples=statistics.resamples,
        batch=max(1, 10_000_000 // len(values)),
        method="percentile",
        rng=generator(root_seed, "bootstrap", part, len(values)),
    )
    deviations: np.ndarray = result.bootstrap_distribution - np.mean(values)
    return deviations

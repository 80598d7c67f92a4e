"""Which measure tells bad minima from good ones? Every measurement as a predictor of generalization.

Two questions are asked of each, within one (dataset, model):

- over all runs that fit their training set: Kendall's tau-b between the measure and the generalization gap (training
  minus test accuracy), as Jiang et al. 2020 (arXiv 1912.02178, section 3) rank complexity measures;
- over pairs of such runs that share recipe and seed, differ in their init, and differ in test accuracy by at least
  the margin: in which fraction has the bad one the larger value? 1 and 0 order every pair, 1/2 is chance.

A diverged run, or one that does not fit, is no minimum and takes no part. Intervals of tau are percentile bootstraps
over runs; those of fractions are Clopper & Pearson's, since a bootstrap of pairs that all agree has no width. Both take
runs and pairs as independent, although runs of one seed share their data order and their random weights: with few seeds
they are too narrow. A measure that some runs lack (an init without pretraining has no memory of one) says so by its
numbers of runs and pairs, and is not to be compared with those of all runs.
"""

from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import betaincinv

from badminima.config import StatisticsConfig
from badminima.config.registry import DIAGNOSTICS
from badminima.experiment.measured import is_uncertainty
from badminima.seeding import generator

# These look at test images themselves: they explain a gap rather than predict it.
USES_TEST_IMAGES = tuple(start for entry in DIAGNOSTICS.entries.values() for start in entry.of_test_images)
COLUMNS = [
    *("dataset", "model", "measure", "uses_test_images", "runs", "tau", "tau_low", "tau_high"),
    *("pairs", "bad_is_larger", "bad_is_larger_low", "bad_is_larger_high"),
]


def measures_table(runs: pd.DataFrame, statistics: StatisticsConfig, root_seed: int) -> pd.DataFrame:
    """Return a row per (dataset, model, measure).

    Args:
        runs: a study's runs, with a column for every measure.
        statistics: coverage, resamples, the margin between two test accuracies, and what counts as fitted.
        root_seed: seed of the resampling.
    """
    names = [name for name in runs.columns if is_measure(name)]
    rows = []
    for (dataset, model), members in runs.groupby(["dataset", "model"], sort=False):
        fitted = members[
            (members["train_accuracy"] >= 1 - statistics.fitted_tolerance) & (members["status"] != "diverged")
        ]
        pairs = _pairs(fitted, statistics.margin)
        for name in names:
            row = {"dataset": dataset, "model": model, "measure": name}
            row["uses_test_images"] = name.startswith(USES_TEST_IMAGES)
            values = fitted[name].to_numpy(dtype=float)
            rows.append({**row, **_tau(fitted, values, statistics, root_seed), **_larger(values, pairs, statistics)})
    return pd.DataFrame(rows, columns=COLUMNS)


def is_measure(column: str) -> bool:
    """Whether a column of runs is a measure (a standard error or an end of an interval is none)."""
    return "." in column and not is_uncertainty(column)


def kendall_tau(x: np.ndarray, y: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """Kendall's tau-b of ``x`` and ``y``, of all values and of resamples of them.

    ``sum_ij w_i w_j s_ij t_ij / sqrt(sum_ij w_i w_j s_ij^2 * sum_ij w_i w_j t_ij^2)`` with ``s_ij = sign(x_i - x_j)``,
    ``t_ij = sign(y_i - y_j)``: a value drawn twice is a tie with itself, as tau-b counts ties.

    Args:
        x, y: ``[n]``.
        counts: how often each value is drawn in each resample, ``[b, n]``; None: each once.

    Returns:
        ``[b]`` (or ``[1]``); NaN where all values of one side are equal.
    """
    kind = _exact(len(x))
    weights = np.ones((1, len(x)), dtype=kind) if counts is None else counts.astype(kind, copy=False)
    s, t = (np.sign(values[:, None] - values[None, :]).astype(kind) for values in (x, y))
    both = ((weights @ (s * t)) * weights).sum(axis=1).astype(float)
    only_s, only_t = (_untied(weights, values) for values in (x, y))
    with np.errstate(invalid="ignore", divide="ignore"):
        return both / np.sqrt(only_s * only_t)


def tau_and_interval(
    x: np.ndarray, y: np.ndarray, statistics: StatisticsConfig, root_seed: int
) -> tuple[float, float, float]:
    """Kendall's tau-b of two numbers of some runs, ``[n]`` each, and its interval; NaN for fewer than three runs."""
    if len(x) < 3:
        return np.nan, np.nan, np.nan
    low, high = _interval(kendall_tau(x, y, _resampled_counts(len(x), statistics.resamples, root_seed)), statistics)
    return float(kendall_tau(x, y)[0]), low, high


def _untied(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """``sum_ij w_i w_j`` over the pairs whose values differ, for each row of weights, ``[b]``."""
    order = np.argsort(values, kind="stable")
    begins = np.flatnonzero(np.append(True, np.diff(values[order]) != 0))
    tied = np.add.reduceat(weights[:, order], begins, axis=1)
    return weights.sum(axis=1).astype(float) ** 2 - (tied.astype(float) ** 2).sum(axis=1)


def _exact(n: int) -> type[np.floating[Any]]:
    """Return the smallest float that holds sums of counts of ``n`` pairs, whole numbers up to ``n^2``, exactly."""
    return np.float32 if n * n < 2**24 else np.float64


def _tau(runs: pd.DataFrame, values: np.ndarray, statistics: StatisticsConfig, root_seed: int) -> dict[str, float]:
    gap = (runs["train_accuracy"] - runs["test_accuracy"]).to_numpy(dtype=float)
    known = np.isfinite(values)
    tau, low, high = tau_and_interval(values[known], gap[known], statistics, root_seed)
    return {"runs": int(known.sum()), "tau": tau, "tau_low": low, "tau_high": high}


def _pairs(runs: pd.DataFrame, margin: float) -> np.ndarray:
    """Return the pairs of runs that share recipe and seed and differ by the margin: the bad one's row, the good one's.

    Returns:
        ``[2, pairs]``, positions in ``runs``.
    """
    accuracy = runs["test_accuracy"].to_numpy(dtype=float)
    pairs = [
        (one, other) if accuracy[one] < accuracy[other] else (other, one)
        for members in runs.groupby(["recipe", "seed"], sort=False).indices.values()
        for one, other in combinations(members, 2)
        if abs(accuracy[one] - accuracy[other]) >= margin
    ]
    return np.array(pairs, dtype=np.intp).reshape(-1, 2).T


def _larger(values: np.ndarray, pairs: np.ndarray, statistics: StatisticsConfig) -> dict[str, float]:
    """In which fraction of the pairs that both have a value the bad run's is the larger one; a tie counts as half."""
    bad, good = values[pairs]
    known = np.isfinite(bad) & np.isfinite(good)
    larger = 0.5 * (1 + np.sign(bad[known] - good[known]))
    found: dict[str, float] = {"pairs": len(larger)}
    if not len(larger):
        return found
    low, high = clopper_pearson(float(larger.sum()), len(larger), statistics.confidence)
    return found | {"bad_is_larger": float(larger.mean()), "bad_is_larger_low": low, "bad_is_larger_high": high}


def clopper_pearson(successes: float, trials: int, confidence: float) -> tuple[float, float]:
    """Return the exact interval of a binomial probability (Clopper & Pearson 1934); ties count as half a success."""
    tail = (1 - confidence) / 2
    low = betaincinv(successes, trials - successes + 1, tail) if successes > 0 else 0.0
    high = betaincinv(successes + 1, trials - successes, 1 - tail) if successes < trials else 1.0
    return float(low), float(high)


@lru_cache(maxsize=8)  # measures of the same runs share them
def _resampled_counts(n: int, resamples: int, root_seed: int) -> np.ndarray:
    """How often each of ``n`` values is drawn in each bootstrap resample, ``[resamples, n]``."""
    rng = generator(root_seed, "measures", n)
    return rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(_exact(n))


def _interval(draws: np.ndarray, statistics: StatisticsConfig) -> tuple[float, float]:
    tail = (1 - statistics.confidence) / 2
    finite = draws[np.isfinite(draws)]
    if not len(finite):
        return np.nan, np.nan
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)

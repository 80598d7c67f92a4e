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

from itertools import combinations

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
    """A row per (dataset, model, measure).

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
        for name in names:
            values = fitted[name].to_numpy(dtype=float)
            known = fitted[np.isfinite(values)]
            row = {"dataset": dataset, "model": model, "measure": name}
            row["uses_test_images"] = name.startswith(USES_TEST_IMAGES)
            rows.append({**row, **_tau(known, name, statistics, root_seed), **_pairs(known, name, statistics)})
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
    weights = np.ones((1, len(x))) if counts is None else counts.astype(float)
    s, t = (np.sign(values[:, None] - values[None, :]) for values in (x, y))
    both, only_s, only_t = (((weights @ matrix) * weights).sum(axis=1) for matrix in (s * t, s * s, t * t))
    with np.errstate(invalid="ignore", divide="ignore"):
        tau: np.ndarray = both / np.sqrt(only_s * only_t)
    return tau


def tau_and_interval(
    x: np.ndarray, y: np.ndarray, statistics: StatisticsConfig, root_seed: int
) -> tuple[float, float, float]:
    """Kendall's tau-b of two numbers of some runs, ``[n]`` each, and its interval; NaN for fewer than three runs."""
    if len(x) < 3:
        return np.nan, np.nan, np.nan
    low, high = _interval(kendall_tau(x, y, _resampled_counts(len(x), statistics, root_seed)), statistics)
    return float(kendall_tau(x, y)[0]), low, high


def _tau(runs: pd.DataFrame, name: str, statistics: StatisticsConfig, root_seed: int) -> dict[str, float]:
    gap = (runs["train_accuracy"] - runs["test_accuracy"]).to_numpy(dtype=float)
    tau, low, high = tau_and_interval(runs[name].to_numpy(dtype=float), gap, statistics, root_seed)
    return {"runs": len(runs), "tau": tau, "tau_low": low, "tau_high": high}


def _pairs(runs: pd.DataFrame, name: str, statistics: StatisticsConfig) -> dict[str, float]:
    larger = []
    for _, cell in runs.groupby(["recipe", "seed"], sort=False):
        for (one, accuracy), (other, other_accuracy) in combinations(
            zip(cell[name], cell["test_accuracy"], strict=True), 2
        ):
            if abs(accuracy - other_accuracy) >= statistics.margin:
                bad, good = (one, other) if accuracy < other_accuracy else (other, one)
                larger.append(0.5 * (1 + np.sign(bad - good)))
    found = np.array(larger)
    if not len(found):
        return dict.fromkeys(("bad_is_larger", "bad_is_larger_low", "bad_is_larger_high"), np.nan) | {"pairs": 0}
    low, high = clopper_pearson(float(found.sum()), len(found), statistics.confidence)
    return {
        "pairs": len(found),
        "bad_is_larger": float(found.mean()),
        "bad_is_larger_low": low,
        "bad_is_larger_high": high,
    }


def clopper_pearson(successes: float, trials: int, confidence: float) -> tuple[float, float]:
    """The exact interval of a binomial probability (Clopper & Pearson 1934); ties count as half a success."""
    tail = (1 - confidence) / 2
    low = betaincinv(successes, trials - successes + 1, tail) if successes > 0 else 0.0
    high = betaincinv(successes + 1, trials - successes, 1 - tail) if successes < trials else 1.0
    return float(low), float(high)


def _resampled_counts(n: int, statistics: StatisticsConfig, root_seed: int) -> np.ndarray:
    """How often each of ``n`` values is drawn in each bootstrap resample, ``[resamples, n]``."""
    rng = generator(root_seed, "measures", n)
    counts: np.ndarray = rng.multinomial(n, np.full(n, 1 / n), size=statistics.resamples)
    return counts


def _interval(draws: np.ndarray, statistics: StatisticsConfig) -> tuple[float, float]:
    tail = (1 - statistics.confidence) / 2
    finite = draws[np.isfinite(draws)]
    if not len(finite):
        return np.nan, np.nan
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)

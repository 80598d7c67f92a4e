"""Measures as predictors of generalization."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, kendalltau

from badminima.analysis.measures import clopper_pearson, is_measure, kendall_tau, measures_table
from badminima.config import StatisticsConfig

STATISTICS = StatisticsConfig(margin=0.02)


def study(seeds: int = 4) -> pd.DataFrame:
    """Two inits, two recipes; the adversarial runs generalize worse, by more under vanilla."""
    rng = np.random.default_rng(0)
    cells = {("random", "vanilla"): 0.95, ("adversarial", "vanilla"): 0.80}
    cells |= {("random", "da+m"): 0.97, ("adversarial", "da+m"): 0.96}
    runs = [(*cell, seed, test + 0.001 * seed) for seed in range(seeds) for cell, test in cells.items()]
    table = pd.DataFrame(runs, columns=["init", "recipe", "seed", "test_accuracy"])
    accuracy, constants = table["test_accuracy"], {"privacy.auc": 0.5, "privacy.auc_low": 0.4, "norm.constant": 3.0}
    measures = {"sharpness.trace": 1 - accuracy, "complexity.margin": accuracy, "norm.end": rng.normal(size=len(table))}
    keys = {"dataset": "d", "model": "m", "status": "completed", "train_accuracy": 1.0}
    return table.assign(**keys, **measures, **constants)


def measured(runs: pd.DataFrame) -> pd.DataFrame:
    return measures_table(runs, STATISTICS, 0).set_index("measure")


@pytest.mark.parametrize("ties", [False, True])
def test_tau_agrees_with_scipy_also_on_resamples(rng, ties):
    x, y = rng.normal(size=(2, 40))
    y = np.round(x + y) if ties else x + y
    assert kendall_tau(x, y)[0] == pytest.approx(kendalltau(x, y).statistic, abs=1e-12)
    drawn = rng.integers(40, size=40)
    counts = np.bincount(drawn, minlength=40)[None]
    assert kendall_tau(x, y, counts)[0] == pytest.approx(kendalltau(x[drawn], y[drawn]).statistic, abs=1e-12)


def test_a_perfect_measure_an_inverted_one_and_a_useless_one():
    table = measured(study())
    perfect, inverted, useless = table.loc["sharpness.trace"], table.loc["complexity.margin"], table.loc["norm.end"]
    assert (perfect["tau"], perfect["tau_low"], perfect["bad_is_larger"]) == pytest.approx((1, 1, 1))
    assert (inverted["tau"], inverted["tau_high"], inverted["bad_is_larger"]) == pytest.approx((-1, -1, 0))
    assert useless["tau_low"] < 0 < useless["tau_high"]
    assert np.isnan(table.loc["norm.constant", "tau"])
    assert table.loc["norm.constant", "bad_is_larger"] == 0.5
    # The four vanilla pairs differ by 15 points, the four da+m pairs by one, which is below the margin.
    assert (table["pairs"] == 4).all()


def test_a_few_pairs_that_all_agree_settle_nothing():
    table = measured(study(seeds=2))
    assert table.loc["sharpness.trace", "bad_is_larger"] == 1
    assert table.loc["sharpness.trace", "bad_is_larger_low"] < 0.2
    for successes in (0, 3, 10):
        expected = binomtest(successes, 10).proportion_ci(0.95, "exact")
        assert clopper_pearson(successes, 10, 0.95) == pytest.approx((expected.low, expected.high))


def test_runs_that_are_no_minimum_take_no_part():
    runs = study()
    runs.loc[0, "train_accuracy"] = 0.9
    runs.loc[1, "status"] = "diverged"
    runs.loc[2, "sharpness.trace"] = np.nan
    table = measured(runs)
    assert table.loc["complexity.margin", "runs"] == 14
    assert table.loc["sharpness.trace", "runs"] == 13


def test_ends_of_intervals_are_no_measures_and_privacy_says_that_it_saw_test_images():
    assert not any(map(is_measure, ("privacy.auc_low", "sharpness.trace_se", "test_accuracy")))
    table = measured(study())
    assert table.loc["privacy.auc", "uses_test_images"]
    assert not table.loc["sharpness.trace", "uses_test_images"]

"""Intervals and equivalence."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from badminima.analysis.statistics import equivalence_p_value, estimate
from badminima.config import StatisticsConfig

STATISTICS = StatisticsConfig(resamples=4000)


def test_over_many_seeds_the_interval_is_scipys_bootstrap(rng):
    values = rng.normal(5, 1, size=200)
    ours = estimate(values, STATISTICS, root_seed=0)
    theirs = bootstrap((values,), np.mean, method="percentile", rng=1).confidence_interval
    assert ours.mean == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_over_images_alone_the_interval_is_the_binomial_one():
    correct = np.zeros((1, 1000))
    correct[0, :900] = 1
    found = estimate(correct.mean(axis=1), STATISTICS, 0, correct)
    half_width = 1.96 * np.sqrt(0.9 * 0.1 / 1000)
    assert found.high - found.mean == pytest.approx(half_width, rel=0.1)
    assert found.mean - found.low == pytest.approx(half_width, rel=0.1)
    assert found.seeds == 1


def test_three_seeds_are_widened_by_the_factor_that_the_bootstrap_lacks():
    values = np.array([0.0, 1.0, 2.0])
    found = estimate(values, StatisticsConfig(resamples=20000), 0)
    # Variance of the bootstrap mean is the plug-in one, (2/3) / 3; times 3/2 it is s^2 / 3.
    assert found.deviations.var() == pytest.approx(values.var(ddof=1) / 3, rel=0.05)
    assert found.sd == pytest.approx(1.0)


@pytest.mark.parametrize(("seeds", "at_least"), [(3, 0.75), (10, 0.88)])
def test_coverage_over_repeated_experiments_is_what_the_docs_say(rng, seeds, at_least):
    settings = StatisticsConfig(resamples=400)
    covered = 0
    for _ in range(200):
        found = estimate(rng.normal(size=seeds), settings, 0)
        covered += found.low <= 0 <= found.high
    assert at_least <= covered / 200 <= 1


def test_both_sources_of_noise_are_in_the_interval(rng):
    correct = (rng.random((5, 300)) < np.linspace(0.85, 0.95, 5)[:, None]).astype(float)
    values = correct.mean(axis=1)
    seeds_alone, both = estimate(values, STATISTICS, 0), estimate(values, STATISTICS, 0, correct)
    images = np.var(correct.mean(axis=0)) / 300
    assert both.deviations.var() == pytest.approx(seeds_alone.deviations.var() + images, rel=0.1)


def test_one_seed_without_images_has_no_interval():
    found = estimate(np.array([1.0]), STATISTICS, 0)
    assert np.isnan([found.low, found.high, found.sd]).all()
    assert np.isnan(equivalence_p_value(found, 0.01))


def test_identical_seeds_have_an_interval_of_no_width():
    found = estimate(np.ones(3), STATISTICS, 0)
    assert (found.low, found.high) == (1.0, 1.0)


def test_a_diverged_seed_leaves_no_interval():
    assert np.isnan(estimate(np.array([1.0, np.nan, 2.0]), STATISTICS, 0).low)


def test_no_seeds_is_an_error():
    with pytest.raises(ValueError, match="at least one seed"):
        estimate(np.array([]), STATISTICS, 0)


def test_the_same_root_seed_gives_the_same_interval(rng):
    values = rng.random(3)
    first, again = estimate(values, STATISTICS, 0), estimate(values, STATISTICS, 0)
    assert (first.low, first.high) == (again.low, again.high)


def test_equivalence_is_judged_against_the_nearer_bound(rng):
    values = rng.normal(0.002, 0.001, size=8)
    found = estimate(values, STATISTICS, 0)
    assert equivalence_p_value(found, 0.01) < 0.01
    assert equivalence_p_value(found, 0.0021) > 0.1
    assert equivalence_p_value(found, 0.0001) > 0.9

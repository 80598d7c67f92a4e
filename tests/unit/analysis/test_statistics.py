"""Intervals and equivalence."""

import numpy as np
import pytest
from scipy.stats import norm, t, ttest_1samp

from badminima.analysis.statistics import estimate, ratio
from badminima.config import StatisticsConfig

STATISTICS = StatisticsConfig(resamples=4000)


def test_over_seeds_alone_the_interval_is_that_of_students_t(rng):
    for seeds in (2, 3, 5, 50):
        values = rng.normal(5, 1, size=seeds)
        ours = estimate(values, STATISTICS, root_seed=0)
        theirs = ttest_1samp(values, 0).confidence_interval(0.95)
        width = theirs.high - theirs.low
        assert ours.mean == pytest.approx(values.mean())
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02 * width)
        assert ours.sd == pytest.approx(values.std(ddof=1))


def test_over_images_alone_the_interval_is_the_binomial_one():
    correct = np.zeros((2, 1000))
    correct[:, :900] = 1
    found = estimate(correct.mean(axis=1), STATISTICS, 0, correct)
    half_width = 1.96 * np.sqrt(0.9 * 0.1 / 1000)
    assert found.high - found.mean == pytest.approx(half_width, rel=0.1)
    assert found.mean - found.low == pytest.approx(half_width, rel=0.1)


def test_coverage_with_both_kinds_of_noise_is_at_least_the_stated_one(rng):
    settings = StatisticsConfig(resamples=400)
    covered = 0
    for _ in range(300):
        difficulty = rng.random(200)
        correct = (difficulty < 0.8 + rng.normal(0, 0.02, size=(3, 1))).astype(float)
        found = estimate(correct.mean(axis=1), settings, 0, correct)
        covered += found.low <= 0.8 <= found.high
    assert covered / 300 >= 0.93


@pytest.mark.parametrize("images", [None, np.array([[1.0, 1.0, 0.0]])])
def test_one_seed_has_no_interval(images):
    for found in (
        estimate(np.array([0.5]), STATISTICS, 0, images),
        ratio(np.array([1.0]), np.array([2.0]), STATISTICS),
    ):
        assert found.mean == 0.5
        assert np.isnan([found.low, found.high, found.sd]).all()


def test_a_diverged_seed_leaves_no_interval():
    assert np.isnan(estimate(np.array([1.0, np.nan, 2.0]), STATISTICS, 0).low)


def test_the_bounds_of_a_ratio_are_where_students_test_changes_its_mind(rng):
    # Fieller's definition, by scipy's own test: at a bound, numerators - bound * denominators just differ from zero.
    for seeds in (3, 5, 20):
        denominators = rng.normal(1, 0.05, size=seeds)
        numerators = 0.6 * denominators + rng.normal(0, 0.1, size=seeds)
        found = ratio(numerators, denominators, STATISTICS)
        assert found.mean == pytest.approx(numerators.mean() / denominators.mean())
        for bound in (found.low, found.high):
            assert ttest_1samp(numerators - bound * denominators, 0).pvalue == pytest.approx(0.05, abs=1e-6)
        assert ttest_1samp(numerators - found.mean * denominators, 0).pvalue == pytest.approx(1.0)


def test_the_bounds_of_a_ratio_count_the_noise_of_seeds_and_that_of_images(rng):
    (numerators, denominators), images = rng.normal([[0.6], [1.0]], 0.1, size=(2, 4)), rng.normal(size=(2, 300))
    found = ratio(numerators, denominators, STATISTICS, images)
    for bound in (found.low, found.high):
        of_seeds = t.ppf(0.975, 3) ** 2 * np.var(numerators - bound * denominators, ddof=1) / 4
        of_images = norm.ppf(0.975) ** 2 * np.var(images[0] - bound * images[1], ddof=1) / 300
        assert (numerators.mean() - bound * denominators.mean()) ** 2 == pytest.approx(of_seeds + of_images)


def test_a_ratio_over_what_may_be_zero_is_unbounded(rng):
    found = ratio(np.array([1.0, 1.1, 0.9]), np.array([0.1, -0.1, 0.05]), STATISTICS)
    assert (found.low, found.high) == (-np.inf, np.inf)

"""P-values, many of them read together, and power."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from badminima.analysis.claims.verdicts import read_together, verdict
from badminima.analysis.statistics import detectable, estimate, holm, p_value, seeds_needed
from badminima.config import StatisticsConfig

STATISTICS = StatisticsConfig(resamples=2000)


def test_over_seeds_alone_the_p_value_is_that_of_students_t(rng):
    for seeds in (2, 3, 10):
        values = rng.normal(1, 1, size=seeds)
        expected = ttest_1samp(values, 0.3).pvalue
        assert p_value(estimate(values, STATISTICS, 0), "above", 0.3) == pytest.approx(expected)


@pytest.mark.parametrize("region", ["above", "within"])
def test_p_value_and_verdict_agree(rng, region):
    for _ in range(200):
        images = rng.normal(rng.normal(0, 0.01), 0.05, size=(3, 200)) + rng.normal(0, 0.003, size=(3, 1))
        found = estimate(images.mean(axis=1), STATISTICS, 0, images)
        p = p_value(found, region, 0.01)
        # The interval's ends are quantiles of 2,000 draws, 50 beyond each: near its level the two may differ.
        if not 0.03 < p < 0.07:
            assert (verdict(found, region, 0.01) == "inconclusive") == (p > 0.05)


def test_holms_p_values_are_those_of_his_example():
    # Holm 1979: each times the number of those not yet rejected, and never less than the one before.
    adjusted = holm(np.array([0.01, 0.04, np.nan, 0.03, 0.005]))
    assert adjusted[[0, 1, 3, 4]] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert np.isnan(adjusted[2])
    assert holm(np.array([0.6, 0.7])).tolist() == [1, 1]


@pytest.mark.parametrize("region", ["above", "within"])
def test_a_design_decides_what_it_can_detect_four_times_in_five(rng, region):
    # The power of the true spread, not of a sample's.
    distance = detectable(estimate(np.array([-1.0, -1, 0, 1, 1]), STATISTICS, 0), region, STATISTICS)
    shift, threshold = (distance, 0.0) if region == "above" else (0.0, distance)
    decided = 0
    for _ in range(1500):
        found = estimate(rng.normal(shift, 1, size=5), STATISTICS, 0)
        decided += verdict(found, region, threshold) == "supported"
    assert decided / 1500 == pytest.approx(0.8, abs=0.04)


def test_more_seeds_decide_a_smaller_effect_and_few_test_images_none(rng):
    values = np.array([0.01, 0.03, 0.02])
    near, far = (seeds_needed(estimate(values + shift, STATISTICS, 0), "above", 0.0, STATISTICS) for shift in (0, 0.1))
    assert far < near < 20
    images = values[:, None] + rng.normal(0, 2, size=(1, 50))
    found = estimate(images.mean(axis=1) - images.mean() + 0.02, STATISTICS, 0, images)
    assert seeds_needed(found, "above", 0.0, STATISTICS) == np.inf


def test_what_is_decided_only_by_itself_is_inconclusive_among_many():
    rows = pd.DataFrame({"verdict": ["supported", "not supported", "estimated"], "p_value": [0.001, 0.04, np.nan]})
    assert read_together(rows, STATISTICS)["family_wise"].tolist() == ["supported", "not supported", "estimated"]
    more = pd.concat([rows, pd.DataFrame({"verdict": ["inconclusive"] * 3, "p_value": [0.5, 0.6, 0.7]})])
    found = read_together(more, STATISTICS)["family_wise"].tolist()
    assert found == ["supported", "inconclusive", "estimated", *["inconclusive"] * 3]

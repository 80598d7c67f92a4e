"""Claims: verdicts follow from planted data."""

import numpy as np
import pytest

from badminima.analysis.claims import evaluate_claims, readable_table, verdict
from badminima.analysis.statistics import Estimate
from badminima.runs import ClaimsSettings
from tests.unit.study import STATISTICS, made_up_study

SETTINGS = ClaimsSettings(statistics=STATISTICS, root_seed=0)


def verdicts(tables) -> dict[str, str]:
    return evaluate_claims(tables, SETTINGS).set_index("claim")["verdict"].to_dict()


def as_in_the_paper(init: str, recipe: str) -> float:
    """Adversarial: vanilla loses 20 points, one regularizer 10, two or three nothing."""
    return 0.9 - (0 if init == "random" else [0.2, 0.1, 0, 0][0 if recipe == "vanilla" else recipe.count("+") + 1])


def test_data_as_in_the_paper_support_every_claim():
    assert set(verdicts(made_up_study(as_in_the_paper)).values()) == {"supported"}


def test_an_init_that_costs_nothing_supports_only_that():
    found = verdicts(made_up_study(lambda init, recipe: 0.9))
    assert found["1a"] == found["2"] == found["3a da+m"] == "supported"
    assert found["1b"] == found["3b da"] == "not supported"


def test_regularizers_that_do_not_help_contradict_the_escape():
    found = verdicts(made_up_study(lambda init, recipe: 0.9 if init == "random" else 0.7))
    assert found["1b"] == "supported"
    assert found["2"] == found["3a m+l2"] == "not supported"
    assert found["3c m"] in ("not supported", "inconclusive")


def test_runs_that_do_not_fit_their_training_set_contradict_1a():
    assert verdicts(made_up_study(as_in_the_paper, fitted=0.99))["1a"] == "not supported"


def test_a_few_test_images_leave_small_differences_open():
    found = verdicts(made_up_study(lambda init, recipe: 0.9 if init == "random" else 0.885, images=60))
    assert found["1b"] == found["2"] == "inconclusive"


def test_a_recipe_that_the_study_lacks_is_not_measured():
    found = verdicts(made_up_study(as_in_the_paper, recipes=["vanilla", "da+m+l2"]))
    assert found["1b"] == found["2"] == "supported"
    assert found["3a da+m"] == found["3b l2"] == "not measured"


def test_a_study_without_adversarial_runs_measures_nothing():
    found = verdicts(made_up_study(as_in_the_paper, inits=["random"]))
    assert set(found.values()) == {"not measured"}


@pytest.mark.parametrize(
    ("low", "high", "region", "expected"),
    [
        (0.02, 0.04, "above", "supported"),
        (0.005, 0.04, "above", "inconclusive"),
        (-0.04, 0.01, "above", "not supported"),
        (-0.009, 0.009, "within", "supported"),
        (-0.02, 0.009, "within", "inconclusive"),
        (-0.02, 0.02, "within", "inconclusive"),
        (0.01, 0.02, "within", "not supported"),
        (-0.03, -0.01, "within", "not supported"),
        (np.nan, np.nan, "above", "not measured"),
    ],
)
def test_a_verdict_is_where_the_interval_lies(low, high, region, expected):
    found = Estimate((low + high) / 2, 0.0, low, high, 3, np.zeros(2))
    assert verdict(found, region, 0.01) == expected


def test_the_gap_is_paired_by_seed_and_image():
    rows = evaluate_claims(made_up_study(as_in_the_paper), SETTINGS).set_index("claim")
    assert rows.loc["1b", "estimate"] == pytest.approx(0.2, abs=0.02)
    assert rows.loc["1b", "low"] < rows.loc["1b", "estimate"] < rows.loc["1b", "high"]
    assert rows.loc["1b", "seeds"] == 3


def test_the_readable_table_shows_every_claim_and_its_verdict():
    claims = evaluate_claims(made_up_study(as_in_the_paper), SETTINGS)
    page = readable_table(claims, STATISTICS)
    assert page.count("supported</td>") == len(claims)
    assert all(statement in page for statement in claims["statement"])
    assert "95% interval" in page

"""Differences between cells, paired by seed and by image."""

import numpy as np
import pytest

from badminima.analysis.gaps import gaps_table
from badminima.analysis.statistics import estimate, ratio
from tests.unit.study import STATISTICS, made_up_study


def row(tables, init, recipe, difference):
    return tables.gaps.set_index(["init", "recipe", "difference"]).loc[(init, recipe, difference)]


@pytest.fixture(scope="module")
def tables():
    better = {"vanilla": 0.7, "da": 0.8}
    return made_up_study(lambda init, recipe: 0.9 if init == "random" else better.get(recipe, 0.9), shared=0.02)


def test_a_gain_is_over_vanilla_from_the_same_init_and_a_cost_against_random_weights(tables):
    gain = row(tables, "adversarial", "da", "gain")
    assert gain["mean"] == pytest.approx(0.1, abs=0.02)
    assert row(tables, "adversarial", "da", "cost")["mean"] == pytest.approx(0.1, abs=0.02)
    assert row(tables, "adversarial", "da+m", "cost")["mean"] == pytest.approx(0.0, abs=0.01)
    assert row(tables, "random", "da", "gain")["mean"] == pytest.approx(0.0, abs=0.01)
    # Seeds differ by 2 points in all their runs: unpaired, the interval would be ten points wide.
    assert gain["high"] - gain["low"] < 0.05
    assert gain["seeds"] == 3


def test_no_cell_is_compared_with_itself_or_with_one_that_is_not_there(tables):
    assert tables.gaps.query("recipe == 'vanilla' and difference == 'gain'").empty
    assert tables.gaps.query("init == 'random' and difference == 'cost'").empty
    alone = made_up_study(lambda init, recipe: 0.9, recipes=["da"], inits=["adversarial"])
    assert alone.gaps.empty


def test_what_is_closed_is_the_gain_over_the_gap_of_vanilla(tables):
    # Vanilla stands 20 points below random weights, DA 10, all others nowhere.
    half, whole = row(tables, "adversarial", "da", "closed"), row(tables, "adversarial", "da+m", "closed")
    gain, gap = row(tables, "adversarial", "da", "gain"), row(tables, "adversarial", "vanilla", "cost")
    assert half["mean"] == pytest.approx(0.5, abs=0.05)
    assert half["mean"] == pytest.approx(gain["mean"] / gap["mean"])
    assert whole["mean"] == pytest.approx(1.0, abs=0.02)
    assert half["low"] < 0.5 < half["high"] < 1 < whole["high"]


@pytest.mark.parametrize("loss", [0.0, -0.1])
def test_where_vanilla_loses_nothing_there_is_no_gap_to_close(loss):
    tables = made_up_study(lambda init, recipe: 0.8 - loss * (init == "adversarial" and recipe == "vanilla"))
    found = row(tables, "adversarial", "da", "closed")
    assert (found["low"], found["high"]) == (-np.inf, np.inf)


def test_only_seeds_that_did_not_diverge_on_any_side_count(tables):
    runs = tables.runs.copy()
    runs.loc[runs.query("init == 'random' and recipe == 'vanilla' and seed == 1").index, "status"] = "diverged"
    gaps = gaps_table(runs, tables.correct_of, STATISTICS, root_seed=0)
    closed = gaps[(gaps["init"] == "adversarial") & (gaps["difference"] == "closed")]
    assert set(closed["seeds"]) == {2}


def test_seeds_with_test_sets_of_their_own_have_the_intervals_of_their_accuracies(tables):
    cell = tables.runs["init"].isin(["random", "adversarial"]) & tables.runs["recipe"].isin(["vanilla", "da"])
    runs = tables.runs[cell]
    gaps = gaps_table(runs, None, STATISTICS, root_seed=0).set_index(["init", "recipe", "difference"])
    by_cell = {key: rows["test_accuracy"].to_numpy() for key, rows in runs.groupby(["init", "recipe"])}
    start, goal = by_cell["adversarial", "vanilla"], by_cell["random", "vanilla"]
    expected = ratio(by_cell["adversarial", "da"] - start, goal - start, STATISTICS)
    closed = gaps.loc[("adversarial", "da", "closed")]
    assert (closed["mean"], closed["low"], closed["high"]) == pytest.approx(
        (expected.mean, expected.low, expected.high)
    )
    gain = estimate(by_cell["adversarial", "da"] - start, STATISTICS, root_seed=0)
    assert gaps.loc[("adversarial", "da", "gain"), ["low", "high"]].tolist() == [gain.low, gain.high]

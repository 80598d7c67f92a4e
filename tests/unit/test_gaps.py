"""Differences between cells, paired by seed and by image."""

import pytest

from tests.unit.study import made_up_study


def row(tables, init, recipe, difference):
    gaps = tables.gaps
    (found,) = gaps[
        (gaps["init"] == init) & (gaps["recipe"] == recipe) & (gaps["difference"] == difference)
    ].itertuples()
    return found


@pytest.fixture(scope="module")
def tables():
    better = {"vanilla": 0.7, "da": 0.8}
    return made_up_study(lambda init, recipe: 0.9 if init == "random" else better.get(recipe, 0.9), shared=0.02)


def test_a_gain_is_over_vanilla_from_the_same_init_and_a_cost_against_random_weights(tables):
    assert row(tables, "adversarial", "da", "gain").mean == pytest.approx(0.1, abs=0.02)
    assert row(tables, "adversarial", "da", "cost").mean == pytest.approx(0.1, abs=0.02)
    assert row(tables, "adversarial", "da+m", "cost").mean == pytest.approx(0.0, abs=0.01)
    assert row(tables, "random", "da", "gain").mean == pytest.approx(0.0, abs=0.01)


def test_intervals_leave_out_what_seeds_share(tables):
    # Seeds differ by 2 points in all their runs: unpaired, the interval would be ten points wide.
    gain = row(tables, "adversarial", "da", "gain")
    assert gain.high - gain.low < 0.05
    assert gain.seeds == 3


def test_no_cell_is_compared_with_itself_or_with_one_that_is_not_there(tables):
    gaps = tables.gaps
    assert not ((gaps["recipe"] == "vanilla") & (gaps["difference"] == "gain")).any()
    assert not ((gaps["init"] == "random") & (gaps["difference"] == "cost")).any()
    alone = made_up_study(lambda init, recipe: 0.9, recipes=["da"], inits=["adversarial"])
    assert alone.gaps.empty

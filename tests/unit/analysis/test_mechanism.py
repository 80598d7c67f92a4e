"""What changes on the way out: planted causes, followers and bystanders."""

import numpy as np
import pandas as pd
import pytest

from badminima.analysis.mechanism import half_epoch, lagged_correlations, paths_table, verdicts_table
from tests.unit.study import STATISTICS

EPOCHS = np.arange(0, 205, 5)
KEYS = {"dataset": "digits", "model": "mlp", "init": "adversarial"}
# Share of the gap that each recipe closes.
CLOSED = {"vanilla": 0.0, "da": 0.1, "m": 0.9, "l2": 1.0}


def step(at: float, width: float = 15) -> np.ndarray:
    """From 0 to 1 around an epoch."""
    return 1 / (1 + np.exp(-(EPOCHS - at) / width)) - 1 / (1 + np.exp(at / width))


def planted() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs whose accuracy rises around epoch 100, where it rises at all."""
    rng = np.random.default_rng(0)
    histories, gaps = [], []
    for recipe, closed in CLOSED.items():
        gaps.append({**KEYS, "recipe": recipe, "difference": "closed", "low": closed - 0.2, "high": closed + 0.2})
        for seed in range(3):
            at = 100 + 5 * seed
            columns = {
                "test_accuracy": 0.9 + 0.05 * closed * step(at),
                "cause": 3 - closed * step(at - 40),
                "follower": closed * step(at + 40),
                "clock": EPOCHS / 200,  # changes in every recipe
                "nothing": np.zeros(len(EPOCHS)),
            }
            table = pd.DataFrame(columns) + 1e-4 * rng.normal(size=(len(EPOCHS), len(columns)))
            histories.append(table.assign(**KEYS, recipe=recipe, seed=seed, epoch=EPOCHS, nothing=0.0))
    return pd.concat(histories), pd.DataFrame(gaps)


@pytest.fixture(scope="module")
def paths() -> pd.DataFrame:
    histories, gaps = planted()
    return paths_table(histories, gaps, ["cause", "follower", "clock", "nothing"], STATISTICS, root_seed=0)


def test_a_cause_tells_and_a_follower_or_a_bystander_does_not(paths):
    verdicts = verdicts_table(paths).set_index("measure")
    assert verdicts["tells"].to_dict() == {"cause": True, "follower": False, "clock": False, "nothing": False}
    assert (verdicts.loc["follower", ["changes", "still", "first"]] == [True, True, False]).all()
    assert (verdicts.loc["clock", ["changes", "still"]] == [True, False]).all()
    assert not verdicts.loc["nothing", "changes"]
    assert (verdicts[["escaping", "staying"]] == [2, 2]).all(axis=None)


def test_the_lead_is_the_time_between_the_middles(paths):
    leads = paths.set_index(["measure", "recipe"])["lead"]
    assert leads["cause", "l2"] == pytest.approx(40, abs=5)
    assert leads["follower", "l2"] == pytest.approx(-40, abs=8)


def test_without_a_recipe_that_stays_nothing_is_told(paths):
    escaping = paths[paths["outcome"] == "escapes"]
    assert not verdicts_table(escaping)["tells"].any()


def test_what_is_neither_surely_escaped_nor_stayed_counts_for_neither():
    histories, gaps = planted()
    wide = gaps.assign(low=-5.0, high=5.0)
    found = paths_table(histories, wide, ["cause"], STATISTICS, root_seed=0)
    assert set(found["outcome"]) == {"unclear"}


def test_half_of_the_way_is_counted_from_the_start():
    assert half_epoch(np.array([0, 1, 2, 3]), np.array([5.0, 4.9, 3.9, 3.0])) == 2
    assert np.isnan(half_epoch(np.array([0, 1]), np.array([1.0, 1.0])))
    assert np.isnan(half_epoch(np.array([0, 1, 2]), np.array([1.0, np.nan, 2.0])))


def test_the_lag_is_found_whatever_the_scale(rng):
    steps = rng.normal(size=60)
    series = np.cumsum(steps)
    later = np.exp(0.1 * np.roll(series, 3))
    found = lagged_correlations(series, later)
    assert max(found, key=lambda lag: abs(found[lag])) == 3
    assert found[3] > 0.7
    assert np.isnan(list(lagged_correlations(np.zeros(10), series[:10]).values())).all()

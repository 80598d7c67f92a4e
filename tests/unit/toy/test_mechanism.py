"""The toy's mechanism: who escapes is read off its own gap, and every candidate has a panel."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from badminima.config import StatisticsConfig
from badminima.experiment.settings import ToyFigureSettings
from badminima.report.figures.mechanism import CANDIDATES
from badminima.toy.figure import LABELS, draw_toy_mechanism, toy_study

FIGURE = ToyFigureSettings(statistics=StatisticsConfig(resamples=500), root_seed=0)
ACCURACIES = {"vanilla": 0.9, "l2": 1.0, "da+m": 0.91}


@pytest.fixture
def with_goal(table) -> pd.DataFrame:
    """The small toy's table with accuracies given, and with vanilla SGD from random weights."""
    goal = table[table["run"] == "l2"].assign(run="vanilla_lr0.01", init="random", test_accuracy=1.0)
    noise = 0.001 * (table["seed"] - 1)
    return pd.concat([table.assign(test_accuracy=table["run"].map(ACCURACIES) + noise), goal])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_share_closed_is_of_the_gap_to_vanilla_sgd_from_random_weights(with_goal, paths):
    gaps = toy_study(with_goal, paths, FIGURE).gaps
    closed = gaps[gaps["difference"] == "closed"].set_index("recipe")
    assert closed["mean"].to_dict() == pytest.approx({"l2": 1.0, "da+m": 0.1})
    assert (closed["low"] <= closed["mean"]).all()
    assert (closed["high"] - closed["low"] < 0.1).all()
    assert set(closed["seeds"]) == {3}


def test_every_candidate_has_a_panel_and_who_escapes_is_told(with_goal, paths):
    drawing = draw_toy_mechanism(with_goal, paths, FIGURE)
    shown = [axes for axes in drawing.figure.axes if axes.get_visible()]
    assert [axes.get_ylabel() for axes in shown] == ["test accuracy (%)", *LABELS.values()]
    assert {axes.get_xscale() for axes in shown} == {"symlog"}
    found = drawing.shown[drawing.shown["kind"] == "path"].drop_duplicates("recipe")
    outcomes = found.set_index("recipe")["outcome"].to_dict()
    assert outcomes == {"vanilla": "stays", "l2": "escapes", "da+m": "stays"}
    verdicts = drawing.shown[drawing.shown["kind"] == "verdict"]
    assert verdicts["measure"].tolist() == list(CANDIDATES)


def test_without_the_goals_run_nothing_surely_escapes(table, paths):
    shown = draw_toy_mechanism(table, paths, FIGURE).shown
    assert set(shown.loc[shown["kind"] == "path", "outcome"]) == {"stays", "unclear"}


@pytest.mark.filterwarnings("error")
def test_one_seed_has_lines_and_no_verdicts(with_goal, paths):
    alone = with_goal[with_goal["seed"] == 0], paths[paths["seed"] == 0]
    shown = draw_toy_mechanism(*alone, FIGURE).shown
    assert (shown.loc[shown["kind"] == "curve", "seeds"] == 1).all()
    assert not shown.loc[shown["kind"] == "verdict", "tells"].astype(bool).any()

"""The toy's pictures: they open, move, repeat themselves and show what their tables say."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from badminima.config import StatisticsConfig
from badminima.experiment.settings import ToyFigureSettings
from badminima.toy.figure import HOLD, SPEED, animate_toy, draw_toy
from badminima.toy.measure import Window, rows
from tests.unit.toy.conftest import SMALL

FIGURE = ToyFigureSettings(statistics=StatisticsConfig(), root_seed=0)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_figure_shows_points_boundaries_and_means(networks, table):
    shown = draw_toy(networks, table, FIGURE).shown
    assert (shown["kind"] == "point").sum() == 5 * 20
    boundary = shown[(shown["kind"] == "boundary") & (shown["run"] == "l2")]
    steps = np.hypot(boundary["x"].diff(), boundary["y"].diff())[1:]
    length = table.loc[(table["run"] == "l2") & (table["seed"] == 0), "boundary_length"].item()
    assert steps.sum() / Window(SMALL).height == pytest.approx(length)
    mean = shown[(shown["statistic"] == "test_accuracy") & (shown["run"] == "vanilla")].iloc[0]
    assert mean["value"] == pytest.approx(table.loc[table["run"] == "vanilla", "test_accuracy"].mean())
    assert mean["low"] < mean["value"] < mean["high"] <= 1


def test_the_animation_is_a_small_gif_that_moves_and_holds_its_end(networks, tmp_path):
    animate_toy(networks, tmp_path / "a.gif")
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]
    with Image.open(tmp_path / "a.gif") as image:
        durations, pictures = [], []
        for frame in range(image.n_frames):
            image.seek(frame)
            durations.append(image.info["duration"])
            pictures.append(image.convert("RGB").tobytes())
    assert len(set(pictures)) == len(networks.steps)
    assert sum(durations) == pytest.approx((len(networks.steps) - 1 + HOLD) * 1000 / SPEED, rel=0.1)
    assert durations[-1] > durations[0]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_network_that_left_the_numbers_is_called_diverged_and_is_drawn(networks):
    broken = [layer.copy() for layer in networks.stages[2].layers]
    broken[1][0] = np.nan
    stages = [*networks.stages[:2], replace(networks.stages[2], layers=broken), *networks.stages[3:]]
    found = pd.DataFrame(rows(replace(networks, stages=stages)))
    assert found.loc[found["run"] == "vanilla", "status"].tolist() == ["diverged", "converged", "converged"]
    draw_toy(replace(networks, stages=stages), found, FIGURE)

"""``fig_filter_landscape``: the loss along random directions from the ends of runs, normalized by filter."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.tables import CELL_KEYS, StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw
from badminima.report.figures.lines import draw_range, explain_lines
from badminima.report.figures.style import (
    PAGE_WIDTH,
    cell_title,
    init_legend,
    look_of_inits,
    recipe_label,
    rows_of,
    set_style,
    settings_of,
)

LOSS, ACCURACY = "filter_landscape.loss", "filter_landscape.accuracy"
# Panels beside each other.
ABREAST = 4
# Losses below are drawn as it.
FLOOR = 1e-4


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a panel per (dataset, model) and recipe, loss above accuracy: a line per init, over seeds and directions.

    All panels of losses have one scale, and so have those of accuracies.
    """
    shown = _summary(_points(tables.layers, settings))
    if shown.empty:
        return nothing_to_draw("no run has filter_landscape: see costs.csv", shown)
    set_style()
    rows = [
        (setting, settings.recipes[first : first + ABREAST])
        for setting in settings_of(shown)
        for first in range(0, len(settings.recipes), ABREAST)
    ]
    figure, grid = plt.subplots(
        2 * len(rows),
        min(len(settings.recipes), ABREAST),
        figsize=(PAGE_WIDTH, 3.6 * len(rows) + 0.7),
        squeeze=False,
        height_ratios=[1.5, 1] * len(rows),
    )
    losses = shown[shown["statistic"] == LOSS]
    scale = (losses["low"].min() / 1.5, losses["high"].max() * 1.5)
    for (setting, recipes), above, below in zip(rows, grid[::2], grid[1::2], strict=True):
        for place, (loss, accuracy) in enumerate(zip(above, below, strict=True)):
            if place >= len(recipes):
                loss.set_visible(False)
                accuracy.set_visible(False)
                continue
            of_recipe = rows_of(shown[shown["recipe"] == recipes[place]], setting)
            _draw_lines(loss, of_recipe[of_recipe["statistic"] == LOSS], settings)
            _draw_lines(accuracy, of_recipe[of_recipe["statistic"] == ACCURACY], settings)
            loss.set_yscale("log")
            loss.set_ylim(*scale)
            accuracy.set_ylim(0, 102)
            loss.set_title(f"{cell_title(*setting)}\n{recipe_label(recipes[place])}")
            loss.tick_params(labelbottom=False, labelleft=place == 0)
            accuracy.tick_params(labelleft=place == 0)
            accuracy.set_xlabel("distance, in norms of filters")
        above[0].set_ylabel("training loss (nats)")
        below[0].set_ylabel("training accuracy (%)")
    init_legend(figure, settings.inits)
    band = "band: range over seeds and random directions"
    explain_lines(figure, "mean (of losses geometric)", band, int(shown["seeds"].max()))
    return Drawing(figure, shown)


def _points(layers: pd.DataFrame, settings: FigureSettings) -> pd.DataFrame:
    """Return the value at each point of each line: losses not below the floor, accuracies in percent."""
    chosen = layers["recipe"].isin(settings.recipes) & layers["init"].isin(settings.inits)
    points = layers[chosen & layers["statistic"].isin([LOSS, ACCURACY])]
    distance = points["tensor"].astype(str).str.replace(r"^\d+:", "", regex=True)
    is_loss = points["statistic"] == LOSS
    values = points["value"].clip(lower=FLOOR).where(is_loss, 100 * points["value"])
    return points.assign(t=pd.to_numeric(distance), value=values)


def _summary(points: pd.DataFrame) -> pd.DataFrame:
    """Return mean and range of each cell's lines at each point, where no line of it overflows."""
    keys = [*CELL_KEYS, "statistic", "t"]
    losses = points["statistic"] == LOSS
    drawn = np.log(points["value"].where(losses, 1.0)).where(losses, points["value"])
    groups = points.assign(drawn=drawn).groupby(keys, sort=False)
    shown = groups.agg(
        mean=("drawn", "mean"),
        low=("value", "min"),
        high=("value", "max"),
        lines=("value", "size"),
        seeds=("seed", "nunique"),
    ).reset_index()
    shown["mean"] = np.exp(shown["mean"]).where(shown["statistic"] == LOSS, shown["mean"])
    return shown[shown["lines"] == shown.groupby(CELL_KEYS)["lines"].transform("max")]


def _draw_lines(axes: Axes, shown: pd.DataFrame, settings: FigureSettings) -> None:
    for init, (colour, marker) in look_of_inits(settings.inits).items():
        line = shown[shown["init"] == init]
        draw_range(axes, line, "t", "mean", colour, marker=marker, markevery=(0.1, 0.2), markersize=3.5)

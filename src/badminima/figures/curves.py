"""``fig_curves``: train and test accuracy against epochs."""

from itertools import product

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.tables import StudyTables
from badminima.figures import Drawing
from badminima.figures.style import (
    LINES,
    PAGE_WIDTH,
    accuracy_label,
    cell_title,
    init_label,
    look_of_inits,
    recipe_label,
    rows_of,
    set_style,
    settings_of,
)
from badminima.settings import FigureSettings

KEYS = ["dataset", "model", "init", "recipe", "epoch"]
PANELS = ["train_accuracy", "test_accuracy"]


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """A row per (dataset, model): train left, test right; lines are means over seeds, bands their range."""
    set_style()
    histories = tables.histories
    histories = histories[histories["recipe"].isin(settings.recipes) & histories["init"].isin(settings.inits)]
    shown = _summary(histories)
    rows = settings_of(shown)
    figure, grid = plt.subplots(
        len(rows), 2, figsize=(PAGE_WIDTH, 2.3 * len(rows) + 0.6), squeeze=False, sharex="row", sharey="row"
    )
    for line, setting in zip(grid, rows, strict=True):
        labels = ["train accuracy (%)", accuracy_label(tables.runs)]
        for axes, statistic, label in zip(line, PANELS, labels, strict=True):
            chosen = rows_of(shown[shown["statistic"] == statistic], setting)
            _draw_lines(axes, chosen, settings)
            axes.set_ylabel(label)
            axes.set_ylim(_floor_of(shown, setting), 101)
            axes.set_title(cell_title(*setting))
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(settings.inits), handlelength=2.6)
    return Drawing(figure, shown)


def _floor_of(shown: pd.DataFrame, setting: tuple[str, str]) -> float:
    """Lower edge of a row in percent: below everything but the start, whose chance level would squeeze the rest."""
    trained = rows_of(shown[shown["epoch"] > 0], setting)
    lowest = trained["low"].min() * 100
    return max(0.0, lowest - 0.05 * (100 - lowest)) if pd.notna(lowest) else 0.0


def _draw_lines(axes: Axes, shown: pd.DataFrame, settings: FigureSettings) -> None:
    looks = look_of_inits(settings.inits)
    for init, (position, recipe) in product(settings.inits, enumerate(settings.recipes)):
        curve = shown[(shown["init"] == init) & (shown["recipe"] == recipe)]
        colour, marker = looks[init]
        axes.plot(
            curve["epoch"],
            curve["mean"] * 100,
            color=colour,
            linestyle=LINES[position % len(LINES)],
            linewidth=1.3,
            marker=marker,
            markevery=(0.05 + 0.05 * position, 0.2),
            markersize=3.5,
            label=f"{init_label(init)} init, {recipe_label(recipe)}",
        )
        axes.fill_between(
            curve["epoch"], curve["low"] * 100, curve["high"] * 100, color=colour, alpha=0.15, linewidth=0
        )


def _summary(histories: pd.DataFrame) -> pd.DataFrame:
    """Mean and range over seeds of each accuracy at each evaluated epoch."""
    tidy = histories.melt(id_vars=KEYS, value_vars=PANELS, var_name="statistic", value_name="value")
    groups = tidy.groupby([*KEYS[:-1], "statistic", "epoch"], sort=False)["value"]
    return groups.agg(mean="mean", low="min", high="max", seeds="size").reset_index()

"""``fig_curves``: train and test accuracy against epochs."""

import matplotlib.pyplot as plt
import pandas as pd

from badminima.analysis.tables import StudyTables
from badminima.experiment.slices import FigureSettings
from badminima.figures import Drawing
from badminima.figures.lines import draw_cells
from badminima.figures.style import (
    PAGE_WIDTH,
    accuracy_label,
    cell_title,
    rows_of,
    set_style,
    settings_of,
)

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
            draw_cells(axes, chosen, "epoch", settings, spread=True)
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


def _summary(histories: pd.DataFrame) -> pd.DataFrame:
    """Mean and range over seeds of each accuracy at each evaluated epoch."""
    tidy = histories.melt(id_vars=KEYS, value_vars=PANELS, var_name="statistic", value_name="value")
    groups = tidy.groupby([*KEYS[:-1], "statistic", "epoch"], sort=False)["value"]
    return groups.agg(mean="mean", low="min", high="max", seeds="size").reset_index()

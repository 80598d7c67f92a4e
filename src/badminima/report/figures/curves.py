"""``fig_curves``: train and test accuracy against epochs."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.tables import RUN_KEYS, StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, style
from badminima.report.figures.lines import draw_lines, explain_lines

KEYS = ["dataset", "model", "init", "recipe", "epoch"]
PANELS = ["train_accuracy", "test_accuracy"]
# Where the stretched axis would be infinite, in percent.
BEYOND = 102


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a row per (dataset, model): train left, test right; lines are means over seeds, bands their range.

    The axis is stretched towards 100%, so that chance at epoch 0 and a point at the end are both to be seen. Vertical
    lines mark drops of the learning rate.
    """
    histories = style.of_figure(tables.histories, settings)
    shown = _summary(histories)
    rows = style.settings_of(shown)
    figure, grid = plt.subplots(
        len(rows), 2, figsize=(style.PAGE_WIDTH, 2.5 * len(rows) + 0.7), squeeze=False, sharex="row", sharey="row"
    )
    for line, setting in zip(grid, rows, strict=True):
        labels = ["train accuracy (%)", style.accuracy_label(tables.runs)]
        for axes, statistic, label in zip(line, PANELS, labels, strict=True):
            chosen = style.rows_of(shown[shown["statistic"] == statistic], setting)
            draw_lines(axes, chosen, "epoch", settings, spread=True)
            axes.set_ylabel(label)
            _stretch(axes)
            _mark_drops(axes, style.rows_of(histories, setting))
            axes.set_title(style.cell_title(*setting))
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    style.legend_of_lines(figure, grid[0, 0], len(settings.inits), handlelength=2.6)
    explain_lines(figure, "mean", "band: their range", int(shown["seeds"].max()), "dotted: the learning rate drops")
    return Drawing(figure, shown)


def _stretch(axes: Axes) -> None:
    """Show 0 to 100%, stretched towards 100."""
    axes.set_yscale(
        "function",
        functions=(lambda percent: -np.log10(np.maximum(BEYOND - percent, 1e-9)), lambda place: BEYOND - 10.0**-place),
    )
    axes.set_ylim(0, 100.5)
    axes.set_yticks([0, 50, 80, 90, 95, 100])


def _mark_drops(axes: Axes, histories: pd.DataFrame) -> None:
    """Dotted lines at the last evaluated epochs before the learning rate fell to a half or less."""
    ordered = histories.sort_values([*RUN_KEYS, "epoch"])
    of_run = ordered.groupby(RUN_KEYS, sort=False)
    falls = of_run["lr"].shift(-1) <= ordered["lr"] / 2
    for epoch in sorted(ordered.loc[falls, "epoch"].unique()):
        axes.axvline(epoch, color="#777777", linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=1)


def _summary(histories: pd.DataFrame) -> pd.DataFrame:
    """Mean and range over seeds of each accuracy at each evaluated epoch."""
    tidy = histories.melt(id_vars=KEYS, value_vars=PANELS, var_name="statistic", value_name="value")
    groups = tidy.groupby([*KEYS[:-1], "statistic", "epoch"], sort=False)["value"]
    return groups.agg(mean="mean", low="min", high="max", seeds="size").reset_index()

"""Figures of lines with bands, and what several figures draw alike.

``fig_curves`` shows train and test accuracy against epochs; ``fig_robustness`` accuracy against the strength of
attacks, of noise, and of the data's own corruptions.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from badminima.analysis.tables import CELL_KEYS, RUN_KEYS, StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw, style

ACCURACIES = ["train_accuracy", "test_accuracy"]
# Where the stretched axis would be infinite, in percent.
BEYOND = 102
PREFIX = "robustness."
KINDS = {
    "fgsm": "FGSM: radius, $\\ell_\\infty$ (1/255)",
    "pgd_linf": "PGD: radius, $\\ell_\\infty$ (1/255)",
    "pgd_l2": "PGD: radius, $\\ell_2$ (pixels 0 to 1)",
    "gaussian": "Gaussian noise: sd (pixels 0 to 1)",
    "shift": "shift (pixels)",
    "zeroing": "fraction of values zeroed",
}
COLUMNS = 3


def draw_curves(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw train and test accuracy: means over seeds, with their range.

    The axis is stretched towards 100%, so that chance at epoch 0 and a point at the end are both to be seen. Vertical
    lines mark drops of the learning rate.
    """
    histories = style.of_figure(tables.histories, settings)
    shown = over_seeds(histories, ACCURACIES, "mean").rename(columns={"value": "mean"})
    rows = style.settings_of(shown)
    figure, grid = style.panels(len(rows), 2, 2.5 * len(rows) + 0.7, sharex="row", sharey="row")
    for line, setting in zip(grid, rows, strict=True):
        labels = ["train accuracy (%)", style.accuracy_label(tables.runs)]
        for axes, statistic, label in zip(line, ACCURACIES, labels, strict=True):
            chosen = style.rows_of(shown[shown["statistic"] == statistic], setting)
            draw_lines(axes, chosen, "epoch", settings, spread=True)
            _stretch(axes)
            _mark_drops(axes, style.rows_of(histories, setting))
            axes.set(ylabel=label, title=style.cell_title(*setting))
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
    axes.set(ylim=(0, 100.5), yticks=[0, 50, 80, 90, 95, 100])


def _mark_drops(axes: Axes, histories: pd.DataFrame) -> None:
    """Mark the last evaluated epochs before the learning rate at least halves."""
    ordered = histories.sort_values([*RUN_KEYS, "epoch"])
    of_run = ordered.groupby(RUN_KEYS, sort=False)
    falls = of_run["lr"].shift(-1) <= ordered["lr"] / 2
    for epoch in sorted(ordered.loc[falls, "epoch"].unique()):
        axes.axvline(epoch, color="#777777", linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=1)


def draw_robustness(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a panel per (dataset, model) and way of disturbing the test images."""
    shown = _strengths(tables, settings)
    if shown.empty:
        return nothing_to_draw("no run has robustness: see costs.csv", shown)
    panels = [
        (setting, kind) for setting in style.settings_of(tables.runs) for kind in KINDS if (shown["kind"] == kind).any()
    ]
    rows = -(-len(panels) // COLUMNS)
    figure, grid = style.panels(rows, COLUMNS, 1.9 * rows + 0.6, sharey=True)
    for axes, (setting, kind) in zip(grid.flat, panels, strict=False):
        draw_lines(axes, style.rows_of(shown[shown["kind"] == kind], setting), "strength", settings)
        axes.set(ylim=(0, 101), xlabel=KINDS[kind])
        if kind == panels[0][1]:
            axes.set_title(style.cell_title(*setting))
    for line in grid:
        line[0].set_ylabel("test accuracy (%)")
    style.legend_of_lines(figure, grid[0, 0], len(settings.inits), handlelength=2.6)
    band = f"band: {settings.statistics.confidence:.0%} interval"
    explain_lines(figure, "mean", band, int((shown["seeds"] - shown["diverged"]).max()))
    return Drawing(figure, shown)


def _strengths(tables: StudyTables, settings: FigureSettings) -> pd.DataFrame:
    """Return cells by kind and strength; strength 0 is the clean accuracy."""
    cells = style.of_figure(tables.cells, settings)
    cells = cells[cells["statistic"].str.startswith(PREFIX)]
    if cells.empty:
        return cells
    parts = cells["statistic"].str.extract(rf"^{PREFIX}(\w+)_([\d.]+)$")
    measured = cells.assign(kind=parts[0], strength=parts[1].astype(float))
    measured = measured[measured["kind"].isin(KINDS)]
    clean = cells[cells["statistic"] == f"{PREFIX}clean"].assign(strength=0.0)
    shown = pd.concat([measured, *(clean.assign(kind=kind) for kind in measured["kind"].unique())])
    return shown.sort_values(["dataset", "model", "kind", "init", "recipe", "strength"], ignore_index=True)


def over_seeds(histories: pd.DataFrame, statistics: Sequence[str], middle: str = "median") -> pd.DataFrame:
    """Return each cell's median or mean, and range, over seeds, by statistic and epoch."""
    keys = [*CELL_KEYS, "epoch"]
    tidy = histories.melt(id_vars=keys, value_vars=statistics, var_name="statistic", value_name="value").dropna()
    groups = tidy.groupby([*CELL_KEYS, "statistic", "epoch"], sort=False)["value"]
    return groups.agg(value=middle, low="min", high="max", seeds="size").reset_index()


def draw_range(axes: Axes, curve: pd.DataFrame, over: str, middle: str, colour: str, **look: Any) -> None:
    """Draw a line, and a band around it.

    Args:
        axes: where to draw.
        curve: one row per point, with the columns ``over`` and ``middle``, and the band from ``low`` to ``high``.
        over: what the line runs along.
        middle: what it shows.
        colour: of both.
        look: other properties of the line, for matplotlib.
    """
    axes.plot(curve[over], curve[middle], color=colour, linewidth=1.3, **look)
    axes.fill_between(curve[over], curve["low"], curve["high"], color=colour, alpha=0.15, linewidth=0)


def explain_lines(figure: Figure, middle: str, band: str, seeds: int, *more: str) -> None:
    """Explain lines and bands below a figure, or say that there is one seed."""
    marks = ["one seed, which says nothing of others"] if seeds == 1 else [f"line: {middle} of {seeds} seeds", band]
    style.note_below(figure, " \u00b7 ".join([*marks, *more]))


def draw_lines(axes: Axes, shown: pd.DataFrame, over: str, settings: FigureSettings, spread: bool = False) -> None:
    """Draw a line with its band per init (colour, marker) and recipe (dashes).

    Args:
        axes: where to draw.
        shown: columns init, recipe, ``over``, and the fractions mean, low and high.
        over: what lines run along.
        settings: which inits and recipes.
        spread: whether markers stand a few to a line, at other places on each, and not on every point.
    """
    looks = style.look_of_inits(settings.inits)
    percent = style.percent(shown)
    for init, (position, recipe) in product(settings.inits, enumerate(settings.recipes)):
        colour, marker = looks[init]
        draw_range(
            axes,
            percent[(percent["init"] == init) & (percent["recipe"] == recipe)],
            over,
            "mean",
            colour,
            linestyle=style.LINES[position % len(style.LINES)],
            marker=marker,
            markevery=(0.05 + 0.05 * position, 0.2) if spread else None,
            markersize=3.5,
            label=f"{style.init_label(init)} init, {style.recipe_label(recipe)}",
        )

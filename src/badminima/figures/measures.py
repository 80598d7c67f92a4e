"""``fig_measures``: which measure tells bad minima from good ones."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.tables import StudyTables
from badminima.experiment.slices import FigureSettings
from badminima.figures import Drawing, nothing_to_draw
from badminima.figures.style import PAGE_WIDTH, cell_title, rows_of, set_style, settings_of

SIDES = {
    "tau": ("Kendall's tau with the\ngeneralization gap", 0.0, (-1.05, 1.05)),
    "bad_is_larger": ("fraction of pairs in which the\nbad minimum has the larger value", 0.5, (-0.03, 1.03)),
}
# Within one model these rank runs exactly as another measure does: sums as products, a number as its logarithm.
SAME_ORDER = ("complexity.log_sum_", "complexity.path_norm", "complexity.inverse_margin", "distance.cosine")
COLOURS = {False: "#004488", True: "#DDAA33"}


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Per (dataset, model): measures ordered by tau; left tau, right the ordering of pairs, both with intervals."""
    shown = tables.measures[~tables.measures["measure"].str.startswith(SAME_ORDER)].dropna(subset=["tau"])
    if shown.empty:
        return nothing_to_draw("fewer than three runs fit their training set, so measures rank nothing", shown)
    set_style()
    panels = settings_of(shown)
    shown = pd.concat([rows_of(shown, panel).sort_values("tau", ascending=False) for panel in panels])
    heights = [0.9 + 0.13 * len(rows_of(shown, panel)) for panel in panels]
    figure, grid = plt.subplots(
        len(panels), 2, figsize=(PAGE_WIDTH, sum(heights)), height_ratios=heights, squeeze=False, sharey="row"
    )
    for line, panel in zip(grid, panels, strict=True):
        rows = rows_of(shown, panel)
        for axes, (column, (label, chance, limits)) in zip(line, SIDES.items(), strict=True):
            _draw_side(axes, rows, column)
            axes.axvline(chance, color="#777777", linewidth=0.8, zorder=1)
            axes.set_xlim(*limits)
            axes.set_xlabel(label)
        line[0].set_yticks(range(len(rows)), _labels(rows), fontsize=6)
        line[0].set_ylim(len(rows) - 0.5, -0.5)
        line[0].set_title(f"{cell_title(*panel)}: {rows['runs'].max()} runs")
        line[1].set_title(f"{rows['pairs'].max()} pairs")
    return Drawing(figure, shown)


def _labels(rows: pd.DataFrame) -> list[str]:
    """Names of measures; the number of runs where some do not have it."""
    of_all = rows["runs"].max()
    return [
        name.replace("_", " ") + (f" ({runs} runs, {pairs} pairs)" if runs < of_all else "")
        for name, runs, pairs in zip(rows["measure"], rows["runs"], rows["pairs"], strict=True)
    ]


def _draw_side(axes: Axes, rows: pd.DataFrame, column: str) -> None:
    """A dot with its interval for each measure, by whether it looks at test images."""
    positions = np.arange(len(rows))
    for seen, colour in COLOURS.items():
        chosen = (rows["uses_test_images"] == seen).to_numpy()
        part = rows[chosen]
        errors = [part[column] - part[f"{column}_low"], part[f"{column}_high"] - part[column]]
        axes.errorbar(
            part[column],
            positions[chosen],
            xerr=np.maximum(errors, 0),
            fmt="o",
            color=colour,
            markersize=3,
            elinewidth=1,
        )
    axes.grid(axis="y", visible=False)

"""``fig_escape``: which recipes close the gap that an init opens."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.tables import StudyTables
from badminima.figures import Drawing, nothing_to_draw
from badminima.figures.style import (
    COLUMN_WIDTH,
    cell_title,
    init_label,
    init_legend,
    look_of_inits,
    recipe_label,
    rows_of,
    set_style,
    settings_of,
)
from badminima.settings import FigureSettings

# Intervals may be as long as the gap is uncertain; beyond these shares they are cut off.
SHORTEST, LONGEST = -1.0, 2.0


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """A panel per (dataset, model); recipes ranked by the share of the gap that they close, with intervals.

    At 0 a recipe is as bad as vanilla SGD from the same init, at 1 as good as vanilla SGD from random weights.
    """
    chosen = tables.gaps["recipe"].isin(settings.recipes) & tables.gaps["init"].isin(settings.inits)
    shown = tables.gaps[chosen & (tables.gaps["difference"] == "closed")]
    if shown.empty:
        return nothing_to_draw("no recipe to compare with vanilla SGD from the same and from random weights", shown)
    set_style()
    panels = settings_of(shown)
    inits = [init for init in settings.inits if (shown["init"] == init).any()]
    height = 1.3 + (0.2 + 0.06 * len(inits)) * len(settings.recipes)
    figure, grid = plt.subplots(1, len(panels), figsize=(COLUMN_WIDTH * len(panels), height), squeeze=False)
    for axes, panel in zip(grid[0], panels, strict=True):
        _draw_panel(axes, rows_of(shown, panel), settings.recipes, inits)
        axes.set_title(cell_title(*panel))
    init_legend(figure, inits)
    return Drawing(figure, shown)


def _draw_panel(axes: Axes, closed: pd.DataFrame, recipes: list[str], inits: list[str]) -> None:
    open_gaps = closed[~np.isinf(closed["high"])]
    ranked = list(open_gaps.groupby("recipe")["mean"].mean().sort_values(ascending=False).index)
    unranked = [recipe for recipe in recipes if recipe not in [*ranked, "vanilla"]]
    rows = [*ranked, *unranked]
    offsets = dict(zip(inits, np.linspace(-0.18, 0.18, len(inits)) if len(inits) > 1 else [0.0], strict=True))
    for place, (init, (colour, marker)) in enumerate(look_of_inits(inits).items()):
        of_init = open_gaps[open_gaps["init"] == init]
        axes.errorbar(
            of_init["mean"],
            of_init["recipe"].map(rows.index) + offsets[init],
            xerr=[of_init["mean"] - of_init["low"], of_init["high"] - of_init["mean"]],
            fmt=marker,
            color=colour,
            markersize=4.5,
            elinewidth=1.2,
        )
        if of_init.empty and (closed["init"] == init).any():
            text = f"{init_label(init)}: no gap to close"
            axes.text(0.02, 0.02 + 0.06 * place, text, color=colour, fontsize=6.5, transform=axes.transAxes)
    sound = set(closed["recipe"])
    for place, recipe in enumerate(rows):
        if recipe not in sound:
            axes.text(0.01, place, "all diverged", fontsize=6.5, va="center", transform=axes.get_yaxis_transform())
    axes.set_xlim(*_limits(open_gaps))
    _mark_meanings(axes)
    axes.set_yticks(range(len(rows)), [recipe_label(recipe) for recipe in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("share of the gap closed")


def _mark_meanings(axes: Axes) -> None:
    """What 0 and 1 mean, at the upper edge."""
    for mark in (0, 1):
        axes.axvline(mark, color="#777777", linewidth=0.8, zorder=0)
    upper = axes.secondary_xaxis("top")
    upper.set_xticks([0, 1], ["as bad as vanilla\nfrom this start", "as good as vanilla\nfrom random"], fontsize=6.5)
    upper.spines["top"].set_visible(False)
    at_zero, at_one = upper.get_xticklabels()
    at_zero.set_horizontalalignment("right")
    at_one.set_horizontalalignment("left")


def _limits(closed: pd.DataFrame) -> tuple[float, float]:
    """Both marks, every mean, and the intervals as far as they stay near."""
    low = min(0.0, closed["mean"].min(), max(SHORTEST, closed["low"].min()))
    high = max(1.0, closed["mean"].max(), min(LONGEST, closed["high"].max()))
    margin = 0.06 * (high - low)
    return low - margin, high + margin

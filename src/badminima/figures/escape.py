"""``fig_escape``: which recipes close the gap that an init opens."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

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


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """A panel per (dataset, model); recipes ordered by what they gain over vanilla SGD from the same init.

    A dotted line marks what the init costs vanilla SGD: a recipe that reaches it has closed the gap.
    """
    shown = tables.gaps[tables.gaps["recipe"].isin(settings.recipes) & tables.gaps["init"].isin(settings.inits)]
    gains = shown[(shown["difference"] == "gain") & (shown["init"] != "random")]
    if gains.empty:
        return nothing_to_draw("no recipe beside vanilla from an init beside random", shown)
    set_style()
    panels = settings_of(gains)
    inits = [init for init in settings.inits if (gains["init"] == init).any()]
    height = 0.9 + 0.26 * len(settings.recipes)
    figure, grid = plt.subplots(1, len(panels), figsize=(COLUMN_WIDTH * len(panels), height), squeeze=False)
    offsets = dict(zip(inits, np.linspace(-0.18, 0.18, len(inits)) if len(inits) > 1 else [0.0], strict=True))
    for axes, panel in zip(grid[0], panels, strict=True):
        of_panel = rows_of(gains, panel)
        order = list(of_panel.groupby("recipe")["mean"].mean().sort_values(ascending=False).index)
        for init, (colour, marker) in look_of_inits(inits).items():
            of_init = of_panel[of_panel["init"] == init]
            places = of_init["recipe"].map(order.index) + offsets[init]
            errors = [(of_init["mean"] - of_init["low"]) * 100, (of_init["high"] - of_init["mean"]) * 100]
            axes.errorbar(
                of_init["mean"] * 100, places, xerr=errors, fmt=marker, color=colour, markersize=4.5, elinewidth=1.2
            )
            cost = _cost_of_vanilla(rows_of(shown, panel), init)
            if cost is not None:
                axes.axvline(cost * 100, color=colour, linestyle=":", linewidth=1.2, label=init_label(init))
        axes.axvline(0, color="#777777", linewidth=0.8)
        lost = [recipe for recipe in settings.recipes if recipe not in [*order, "vanilla"]]
        for place, _ in enumerate(lost, start=len(order)):
            axes.text(0.01, place, "all diverged", fontsize=6.5, va="center", transform=axes.get_yaxis_transform())
        axes.set_yticks(range(len(order) + len(lost)), [recipe_label(recipe) for recipe in [*order, *lost]])
        axes.set_ylim(len(order) + len(lost) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("test accuracy gained over vanilla\nSGD (points); dotted: what the init costs")
        axes.set_title(cell_title(*panel))
    init_legend(figure, inits)
    return Drawing(figure, shown)


def _cost_of_vanilla(gaps: pd.DataFrame, init: str) -> float | None:
    """What an init costs vanilla SGD; None where the study does not say."""
    rows = gaps[(gaps["init"] == init) & (gaps["recipe"] == "vanilla") & (gaps["difference"] == "cost")]
    return float(rows["mean"].iloc[0]) if len(rows) else None

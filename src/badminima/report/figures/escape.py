"""``fig_escape``: which recipes close the gap that an init opens."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.tables import CELL_KEYS, StudyTables
from badminima.config.training import BASELINE_INIT, BASELINE_RECIPE
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw, style

# Shares in sight. Intervals are cut off at an arrow; a mean beyond is a number at the edge.
LEAST, MOST = -1.0, 2.0
MARGIN = 0.06 * (MOST - LEAST)
LEFT, RIGHT = LEAST - MARGIN, MOST + MARGIN


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Rank recipes by the share of the gap that they close, for each (dataset, model).

    At 0 a recipe is as bad as vanilla SGD from the same init, at 1 as good as vanilla SGD from random weights. Only
    shares with a finite interval are ranked: those of several inits by their mean, behind recipes that have more of
    them. A share of a single seed is drawn hollow.
    """
    shown = style.of_figure(tables.gaps, settings).query("difference == 'closed'")
    if shown.empty:
        return nothing_to_draw("no recipe to compare with vanilla SGD from the same and from random weights", shown)
    counts = tables.cells[tables.cells["statistic"] == "test_accuracy"]
    panels = style.settings_of(shown)
    inits = [init for init in settings.inits if init != BASELINE_INIT]
    recipes = [recipe for recipe in settings.recipes if recipe != BASELINE_RECIPE]
    height = 1.4 + (0.15 + 0.1 * len(inits)) * len(recipes)
    figure, grid = style.panels(1, len(panels), height, style.COLUMN_WIDTH * len(panels))
    for axes, panel in zip(grid[0], panels, strict=True):
        _draw_panel(axes, style.rows_of(shown, panel), style.rows_of(counts, panel), recipes, inits)
        axes.set_title(style.cell_title(*panel))
    style.init_legend(figure, inits)
    confidence = settings.statistics.confidence
    text = f"marker: share of the means (hollow: one seed)\nbar: {confidence:.0%} interval (arrow: it goes on)"
    figure.supxlabel(text, fontsize=6, color="#555555")
    return Drawing(figure, shown.merge(counts[[*CELL_KEYS, "diverged"]], on=CELL_KEYS))


def _draw_panel(axes: Axes, closed: pd.DataFrame, counts: pd.DataFrame, recipes: list[str], inits: list[str]) -> None:
    shares = closed[np.isfinite(closed["high"])].groupby("recipe")["mean"].agg(["count", "mean"])
    ranked = shares.sort_values(["count", "mean"], ascending=False).index
    rows = [*ranked, *(recipe for recipe in recipes if recipe not in ranked)]
    offsets = np.linspace(-0.25, 0.25, len(inits)) if len(inits) > 1 else np.zeros(1)
    notes = []
    for offset, (init, (colour, marker)) in zip(offsets, style.look_of_inits(inits).items(), strict=True):
        of_init = closed[closed["init"] == init].set_index("recipe")
        if len(of_init) and np.isinf(of_init["high"]).all():
            notes.append(f"{style.init_label(init)}: no gap to close")
            of_init = of_init[:0]
        for cell in counts[(counts["init"] == init) & counts["recipe"].isin(rows)].to_dict("records"):
            row, recipe, words = rows.index(cell["recipe"]) + offset, cell["recipe"], style.count_diverged(cell)
            if recipe not in of_init.index:
                _write(axes, [words], row, colour)
            elif np.isinf(of_init.loc[recipe, "high"]):
                _write(axes, [words, "interval unbounded"], row, colour)
            else:
                _draw_share(axes, of_init.loc[recipe], words, row, colour, marker)
    baselines = counts[(counts["recipe"] == BASELINE_RECIPE) & counts["init"].isin([BASELINE_INIT, *inits])]
    notes += [
        f"vanilla from {style.init_label(cell['init'])}: {words}"
        for cell in baselines.to_dict("records")
        if (words := style.count_diverged(cell))
    ]
    _finish(axes, rows, notes)


def _draw_share(axes: Axes, share: pd.Series, words: str, row: float, colour: str, marker: str) -> None:
    """Draw a mark with its interval, or a hollow mark for a single seed; add its words.

    A mean out of sight is a number beside an arrow.
    """
    mean, single = share["mean"], np.isnan(share["high"])
    if not single:
        axes.hlines(row, share["low"], share["high"], color=colour, linewidth=1.2)
        for beyond, edge, arrow in ((share["low"] < LEAST, LEFT, "<"), (share["high"] > MOST, RIGHT, ">")):
            if beyond:
                axes.plot(edge, row, arrow, color=colour, markersize=4, clip_on=False)
    if mean < LEAST:
        _write(axes, [f"\N{LEFTWARDS ARROW} \N{MINUS SIGN}{-mean:.1f}", words], row, colour)
    elif mean > MOST:
        _write(axes, [words, f"{mean:.1f} \N{RIGHTWARDS ARROW}"], row, colour, left=False)
    else:
        axes.plot(mean, row, marker, color=colour, markerfacecolor="white" if single else colour, markersize=4.5)
        _write(axes, [words], row, colour, left=mean > (LEAST + MOST) / 2)


def _write(axes: Axes, words: list[str], row: float, colour: str, *, left: bool = True) -> None:
    """Write words at the left or right edge of a row, over what is drawn there."""
    if any(words):
        axes.text(
            0.02 if left else 0.98,
            row,
            ", ".join(filter(None, words)),
            color=colour,
            fontsize=6.5,
            ha="left" if left else "right",
            va="center",
            transform=axes.get_yaxis_transform(),
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
            zorder=5,
        )


def _finish(axes: Axes, rows: list[str], notes: list[str]) -> None:
    """Set limits and labels; explain 0 and 1 above the panel, and the inits below it."""
    for mark in (0, 1):
        axes.axvline(mark, color="#777777", linewidth=0.8, zorder=0)
    style.name_rows(axes, map(style.recipe_label, rows))
    axes.set(xlim=(LEFT, RIGHT), xlabel="\n".join(["share of the gap closed", *notes]))
    upper = axes.secondary_xaxis("top")
    upper.set_xticks([0, 1], ["as bad as vanilla\nfrom this start", "as good as vanilla\nfrom random"], fontsize=6.5)
    upper.spines["top"].set_visible(False)
    at_zero, at_one = upper.get_xticklabels()
    at_zero.set_horizontalalignment("right")
    at_one.set_horizontalalignment("left")

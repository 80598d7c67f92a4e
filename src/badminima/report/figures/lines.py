"""Lines with bands, as several figures draw them."""

from collections.abc import Iterable
from itertools import product
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from badminima.analysis.tables import CELL_KEYS
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import style


def medians(histories: pd.DataFrame, statistics: list[str]) -> pd.DataFrame:
    """Return median and range over seeds of each statistic at each evaluated epoch of each cell."""
    keys = [*CELL_KEYS, "epoch"]
    tidy = histories.melt(id_vars=keys, value_vars=statistics, var_name="statistic", value_name="value").dropna()
    groups = tidy.groupby([*CELL_KEYS, "statistic", "epoch"], sort=False)["value"]
    return groups.agg(value="median", low="min", high="max", seeds="size").reset_index()


def rows_from(table: pd.DataFrame, start: Iterable[str]) -> pd.DataFrame:
    """Return the rows of a table of one (dataset, model) or (dataset, model, init)."""
    keys = dict(zip(CELL_KEYS, start, strict=False))
    return table[(table[list(keys)] == pd.Series(keys)).all(axis=1)]


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
    """Say below a figure what its lines and bands are, and what else is drawn; or that there is one seed."""
    marks = ["one seed, which says nothing of others"] if seeds == 1 else [f"line: {middle} of {seeds} seeds", band]
    style.note_below(figure, " \u00b7 ".join([*marks, *more]))


def draw_lines(axes: Axes, shown: pd.DataFrame, over: str, settings: FigureSettings, spread: bool = False) -> None:
    """Draw a line in percent per init (colour, marker) and recipe (dashes), with its band.

    Args:
        axes: where to draw.
        shown: columns init, recipe, ``over``, and the fractions mean, low and high.
        over: what lines run along.
        settings: which inits and recipes.
        spread: whether markers stand a few to a line, at other places on each, and not on every point.
    """
    looks = style.look_of_inits(settings.inits)
    percent = shown.assign(**{name: shown[name] * 100 for name in ("mean", "low", "high")})
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

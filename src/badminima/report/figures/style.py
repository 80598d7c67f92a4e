"""The one place with colours, markers, sizes and labels."""

import re
from collections.abc import Iterable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from badminima.analysis.measures import clopper_pearson
from badminima.analysis.tables import CELL_KEYS, RUN_KEYS, StudyTables
from badminima.experiment.measured import standard_error_of
from badminima.experiment.settings import FigureSettings

mpl.use("agg")

COLUMN_WIDTH = 3.4  # inches: one column of a two-column page
PAGE_WIDTH = 7.0
# Paul Tol's high-contrast scheme: distinct for colour-blind readers and in greyscale. Markers tell inits apart too.
COLOURS = {"random": "#004488", "adversarial": "#CC6677", "random_rescaled": "#DDB233", "true_labels": "#228833"}
MARKERS = {"random": "o", "adversarial": "D", "random_rescaled": "s", "true_labels": "^"}
# The toy's two classes: regions and points.
CLASS_COLOURS = [("#F4CDD3", "#994455"), ("#CBDDF0", "#004488")]
CLASS_MARKERS = ["o", "s"]
OTHER_COLOURS = ["#777777", "#000000", "#66CCEE", "#AA3377", "#AAAAAA"]
OTHER_MARKERS = ["v", "<", ">", "P", "X"]
# Recipes where inits are not what tells lines apart; from Paul Tol's vibrant scheme, without the inits' colours.
RECIPE_COLOURS = ["#000000", "#EE7733", "#009988", "#33BBEE", "#EE3377", "#777777"]
RECIPE_MARKERS = ["o", "D", "s", "^", "v", "P", "X"]
# Of a cell: its seeds as open circles, its mean and interval as a marked bar; how far both lie from the cell's middle,
# in shares of its height, so that neither hides the other.
APART = 0.22
SEED_LOOK: dict[str, Any] = {"s": 9, "facecolors": "white", "linewidths": 0.8, "zorder": 4}
MEAN_LOOK: dict[str, Any] = {
    "markersize": 4.5,
    "markeredgecolor": "white",
    "markeredgewidth": 0.5,
    "elinewidth": 1.2,
    "zorder": 5,
}
LINES: list[Any] = ["-", (0, (4, 1.5)), (0, (1, 1.2)), "-."]


def set_style() -> None:
    """Apply the house style to all figures drawn from now on."""
    sns.set_theme(
        context="paper",
        style="ticks",
        rc={
            "font.size": 8,
            "axes.labelsize": 8,
            "axes.titlesize": 8,
            "xtick.labelsize": 7.5,
            "ytick.labelsize": 7.5,
            "legend.fontsize": 7.5,
            "legend.title_fontsize": 7.5,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.linewidth": 0.4,
            "grid.color": "#dddddd",
            "legend.frameon": False,
            "pdf.fonttype": 42,
            "figure.constrained_layout.use": True,
        },
    )


def look_of_inits(inits: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return each init's colour and marker; a user's own inits take the spare ones."""
    names = list(inits)
    spare = [name for name in names if name not in COLOURS]
    others = list(zip(OTHER_COLOURS, OTHER_MARKERS, strict=True))
    return {
        name: (COLOURS[name], MARKERS[name]) if name in COLOURS else others[spare.index(name) % len(others)]
        for name in names
    }


def look_of_recipes(recipes: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return each recipe's colour and marker; the first 42 all look different."""
    return {
        name: (RECIPE_COLOURS[place % len(RECIPE_COLOURS)], RECIPE_MARKERS[place % len(RECIPE_MARKERS)])
        for place, name in enumerate(recipes)
    }


def init_label(init: str) -> str:
    """Return an init's name for readers."""
    return init.replace("_", " ")


def recipe_label(recipe: str) -> str:
    """Return a recipe's name for readers: ``da+m_lr0.1`` is DA + M, rate 0.1."""
    words = {"da": "DA", "m": "M", "l2": "L2"}
    text = re.sub(r"_?(?<![a-z])lr_?(?=x?[\d.])", ", rate ", recipe).removeprefix(", ")
    parts = [part.split("_") for part in text.split("+")]
    return " + ".join(
        " ".join([re.sub(r"^\w+", lambda found: words.get(found[0], found[0]), first), *rest]) for first, *rest in parts
    )


def cell_title(dataset: str, model: str) -> str:
    """Return a panel's title."""
    return f"{dataset.replace('_', '-')}, {model}"


def accuracy_label(runs: pd.DataFrame) -> str:
    """Return the label of a held-out accuracy: test or validation."""
    return f"{' and '.join(runs['evaluated_on'].unique())} accuracy (%)"


def of_figure(table: pd.DataFrame, settings: FigureSettings) -> pd.DataFrame:
    """Return the rows of the recipes and inits that a figure shows."""
    return table[table["recipe"].isin(settings.recipes) & table["init"].isin(settings.inits)]


def settings_of(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the (dataset, model) pairs of a table, in its order."""
    return list(table[["dataset", "model"]].drop_duplicates().itertuples(index=False, name=None))


def rows_of(table: pd.DataFrame, start: Iterable[str]) -> pd.DataFrame:
    """Return the rows of a table of one (dataset, model) or (dataset, model, init)."""
    keys = dict(zip(CELL_KEYS, start, strict=False))
    return table[(table[list(keys)] == pd.Series(keys)).all(axis=1)]


def percent(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of seeds or cells with its fractions turned into percent."""
    values = table.columns.intersection(["value", "se", "mean", "sd", "low", "high"])
    return table.assign(**{name: 100 * table[name] for name in values})


def hide(panels: Iterable[Axes]) -> None:
    """Hide the panels of a grid that are left over."""
    for axes in panels:
        axes.set_visible(False)


def note_below(figure: Figure, text: str) -> None:
    """Write below a figure what its marks are."""
    figure.supxlabel(text, fontsize=6.5, color="#555555")


def init_legend(figure: Figure, inits: Iterable[str]) -> None:
    """Draw a legend above the panels that tells the inits apart."""
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="-", markersize=5, label=init_label(init))
        for init, (colour, marker) in look_of_inits(inits).items()
    ]
    legend_above(figure, handles, "initialization")


def legend_of_lines(figure: Figure, axes: Axes, columns: int, **look: Any) -> None:
    """Draw a legend above the panels that names the lines of one of them."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), columns), **look)


def legend_above(figure: Figure, handles: list[Line2D], title: str) -> None:
    """Draw a legend above the panels, three names to a line."""
    figure.legend(
        handles=handles,
        title=title,
        loc="outside upper center",
        ncols=min(len(handles), 3),
        columnspacing=1.2,
        handlelength=1.6,
    )


def draw_cells(axes: Axes, seeds: pd.DataFrame, cells: pd.DataFrame, recipes: list[str], inits: list[str]) -> None:
    """Draw a row per recipe, an offset per init: seeds as circles, means as bars below.

    A cell's note stands at the left edge: what of it has no place on the axis.

    Args:
        axes: where to draw.
        seeds: one row per run, with columns recipe, init, value and its standard error ``se``.
        cells: one row per cell, with columns recipe, init, mean, low, high and note.
        recipes: rows, from top to bottom.
        inits: offsets within a row, from top to bottom.
    """
    step = 0.88 / len(inits)
    offsets = step * (np.arange(len(inits)) + (1 - len(inits)) / 2)
    for offset, (init, (colour, marker)) in zip(offsets, look_of_inits(inits).items(), strict=True):
        of_seeds = seeds[seeds["init"] == init]
        rows = of_seeds["recipe"].map(recipes.index) + offset - APART * step
        axes.errorbar(of_seeds["value"], rows, xerr=of_seeds["se"], fmt="none", ecolor=colour, elinewidth=0.6)
        axes.scatter(of_seeds["value"], rows, edgecolors=colour, **SEED_LOOK)
        of_cells = cells[cells["init"] == init]
        rows = of_cells["recipe"].map(recipes.index) + offset + APART * step
        errors = [
            (of_cells["mean"] - of_cells["low"]).clip(lower=0),
            (of_cells["high"] - of_cells["mean"]).clip(lower=0),
        ]
        axes.errorbar(of_cells["mean"], rows, xerr=errors, fmt=marker, color=colour, **MEAN_LOOK)
        for note, row in zip(of_cells["note"], rows, strict=True):
            axes.text(0.01, row, note, color=colour, fontsize=6.5, va="center", transform=axes.get_yaxis_transform())
    axes.set_yticks(range(len(recipes)), [recipe_label(recipe) for recipe in recipes])
    axes.set_ylim(len(recipes) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    for boundary in range(1, len(recipes)):
        axes.axhline(boundary - 0.5, color="#eeeeee", linewidth=0.6, zorder=0)


def height_of_rows(recipes: list[str], inits: list[str]) -> float:
    """Return the height in inches at which seeds and means of all inits stay apart."""
    return max(0.3, 0.15 * len(inits)) * len(recipes)


def explain_marks(figure: Figure, cells: pd.DataFrame, confidence: float, mean: str = "mean") -> None:
    """Explain marks below a figure, and what bars mean if there is one seed.

    Args:
        figure: the figure.
        cells: the cells that it shows, with columns seeds, diverged and low.
        confidence: coverage of the intervals.
        mean: what its markers are.
    """
    text = f"circle: seed \u00b7 marker: {mean} \u00b7 bar: {confidence:.0%} interval"
    if len(cells) and (cells["seeds"] - cells["diverged"]).max() == 1:
        bars = "bars: noise of the images alone" if cells["low"].notna().any() else "no intervals"
        text = f"one seed, which says nothing of others\n{bars}"
    note_below(figure, text)


def log_axis(axes: Axes) -> None:
    """Make the x axis logarithmic, with numbers to be read on it."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if np.log10(high / low) < 1.6 else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def shown_cells(tables: StudyTables, settings: FigureSettings, statistic: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return seeds and cells of a statistic, for the recipes and inits of a figure.

    Seeds have the standard error of what was estimated from random draws. A cell of one seed has no interval over
    seeds; of its test accuracy it has that over test images.
    """
    seeds = of_figure(tables.runs, settings).query("status != 'diverged'")
    cells = of_figure(tables.cells, settings).query("statistic == @statistic").copy()
    cells["note"] = [
        f"{diverged} of {of} diverged" if diverged else ""
        for diverged, of in zip(cells["diverged"], cells["seeds"], strict=True)
    ]
    if statistic == "test_accuracy":
        for place, cell in cells[cells["seeds"] == 1].iterrows():
            of_cell = seeds[(seeds[CELL_KEYS] == cell[CELL_KEYS]).all(axis=1)]
            right = tables.correct_of(of_cell)
            if right.size:
                ends = clopper_pearson(float(right.sum()), right.size, settings.statistics.confidence)
                cells.loc[place, ["low", "high"]] = ends
    error = seeds.get(standard_error_of(statistic), np.nan)
    return seeds[RUN_KEYS].assign(statistic=statistic, value=seeds[statistic], se=error), cells


def table_of_cells(seeds: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Return seeds and cells as one tidy table, which is what a figure shows."""
    points = seeds.assign(kind="seed")
    summary = cells.rename(columns={"mean": "value"}).assign(kind="mean")
    columns = [*CELL_KEYS, "statistic", "kind", "seed", "value", "se", "low", "high", "sd", "seeds", "diverged"]
    return pd.concat([points, summary], ignore_index=True).reindex(columns=columns)

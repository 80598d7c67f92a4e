"""The one place with colours, markers, sizes and labels."""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from badminima.analysis.measures import clopper_pearson
from badminima.analysis.tables import CELL_KEYS, RUN_KEYS, StudyTables
from badminima.experiment.measured import standard_error_of
from badminima.experiment.settings import FigureSettings

mpl.use("agg")

COLUMN_WIDTH = 3.4  # inches: one column of a two-column page
PAGE_WIDTH = 7.0
# Colour and marker of inits. Paul Tol's high-contrast scheme: distinct for colour-blind readers and in greyscale.
LOOKS = {
    "random": ("#004488", "o"),
    "adversarial": ("#CC6677", "D"),
    "random_rescaled": ("#DDB233", "s"),
    "true_labels": ("#228833", "^"),
}
OTHER_LOOKS = [("#777777", "v"), ("#000000", "<"), ("#66CCEE", ">"), ("#AA3377", "P"), ("#AAAAAA", "X")]
# The toy's two classes: regions and points.
CLASS_COLOURS = [("#F4CDD3", "#994455"), ("#CBDDF0", "#004488")]
CLASS_MARKERS = ["o", "s"]
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
# Measures that span factors of ten between recipes.
LOGARITHMIC = ("distance.relative", "distance.angle", "sharpness.trace", "sharpness.asam")
LINES: list[Any] = ["-", (0, (4, 1.5)), (0, (1, 1.2)), "-."]


def set_style() -> None:
    """Apply the house style to all figures drawn from now on."""
    sns.set_theme(
        context="paper",
        style="ticks",
        rc={
            **dict.fromkeys(("font.size", "axes.labelsize", "axes.titlesize"), 8),
            **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize", "legend.title_fontsize"), 7.5),
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
    spare = cycle(OTHER_LOOKS)
    return {name: LOOKS.get(name) or next(spare) for name in inits}


def look_of_recipes(recipes: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return each recipe's colour and marker; the first 42 all look different."""
    return dict(zip(recipes, zip(cycle(RECIPE_COLOURS), cycle(RECIPE_MARKERS), strict=False), strict=False))


def init_label(init: str) -> str:
    """Return an init's name for readers."""
    return init.replace("_", " ")


def recipe_label(recipe: str) -> str:
    """Return a recipe's name for readers: ``da+m_lr0.1`` is DA + M, rate 0.1."""
    text = re.sub(r"_?(?<![a-z])lr_?(?=x?[\d.])", ", rate ", recipe).removeprefix(", ")
    text = re.sub(r"(?<![^+])(da|m|l2)(?![a-z0-9])", lambda found: found[0].upper(), text)
    return text.replace("_", " ").replace("+", " + ")


def cell_title(dataset: str, model: str, init: str = "") -> str:
    """Return a panel's title: its data and network, and the start of its runs."""
    return f"{dataset.replace('_', '-')}, {model}" + (f":\nfrom {init_label(init)}" if init else "")


def accuracy_label(runs: pd.DataFrame) -> str:
    """Return the label of a held-out accuracy: test or validation."""
    return f"{' and '.join(runs['evaluated_on'].unique())} accuracy (%)"


def count_diverged(cell: Mapping[Hashable, Any]) -> str:
    """Return how many runs of a cell diverged, in words; nothing if none did."""
    return f"{cell['diverged']} of {cell['seeds']} diverged" if cell["diverged"] else ""


def of_figure(table: pd.DataFrame, settings: FigureSettings) -> pd.DataFrame:
    """Return the rows of the recipes and inits that a figure shows."""
    return table[table["recipe"].isin(settings.recipes) & table["init"].isin(settings.inits)]


def settings_of(table: pd.DataFrame, keys: Sequence[str] = ("dataset", "model")) -> list[tuple[str, ...]]:
    """Return the (dataset, model) pairs of a table, or other keys of its rows, in its order."""
    return list(table[[*keys]].drop_duplicates().itertuples(index=False, name=None))


def rows_of(table: pd.DataFrame, start: Iterable[str]) -> pd.DataFrame:
    """Return the rows of a table of one (dataset, model) or (dataset, model, init)."""
    keys = dict(zip(CELL_KEYS, start, strict=False))
    return table[(table[list(keys)] == pd.Series(keys)).all(axis=1)]


def percent(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of seeds or cells with its fractions turned into percent."""
    values = table.columns.intersection(["value", "se", "mean", "sd", "low", "high"])
    return table.assign(**{name: 100 * table[name] for name in values})


def panels(rows: int, columns: int, height: float, width: float = PAGE_WIDTH, **how: Any) -> tuple[Figure, np.ndarray]:
    """Return a figure and its panels, ``[rows, columns]``; those that stay empty are hidden."""
    return plt.subplots(rows, columns, figsize=(width, height), squeeze=False, **how)


def note_below(figure: Figure, text: str) -> None:
    """Write below a figure what its marks are."""
    figure.supxlabel(text, fontsize=6.5, color="#555555")


def init_legend(figure: Figure, inits: Iterable[str]) -> None:
    """Draw a legend above the panels that tells the inits apart."""
    legend_above(figure, look_of_inits(inits), init_label, "initialization")


def legend_of_lines(figure: Figure, axes: Axes, columns: int, **look: Any) -> None:
    """Draw a legend above the panels that names the lines of one of them."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), columns), **look)


def legend_above(
    figure: Figure, looks: Mapping[str, tuple[str, str]], label: Callable[[str], str], title: str, *more: Line2D
) -> None:
    """Draw a legend of colours and markers above the panels, three names to a line."""
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=5, label=label(name))
        for name, (colour, marker) in looks.items()
    ]
    figure.legend(
        handles=[*handles, *more],
        title=title,
        loc="outside upper center",
        ncols=min(len(handles) + len(more), 3),
        columnspacing=1.2,
        handlelength=1.6,
    )


def bars(table: pd.DataFrame, middle: str = "mean", low: str = "low", high: str = "high") -> list[pd.Series]:
    """Return how far intervals reach below and above their middle, for ``errorbar``."""
    return [(table[middle] - table[low]).clip(lower=0), (table[high] - table[middle]).clip(lower=0)]


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
        axes.errorbar(of_cells["mean"], rows, xerr=bars(of_cells), fmt=marker, color=colour, **MEAN_LOOK)
        for note, row in zip(of_cells["note"], rows, strict=True):
            axes.text(0.01, row, note, color=colour, fontsize=6.5, va="center", transform=axes.get_yaxis_transform())
    name_rows(axes, map(recipe_label, recipes))
    for boundary in range(1, len(recipes)):
        axes.axhline(boundary - 0.5, color="#eeeeee", linewidth=0.6, zorder=0)


def name_rows(axes: Axes, names: Iterable[str], **look: Any) -> None:
    """Name the rows of a panel from top to bottom, without lines along them."""
    names = list(names)
    axes.set_yticks(range(len(names)), names, **look)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)


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
        meaning = "bars: noise of the images alone" if cells["low"].notna().any() else "no intervals"
        text = f"one seed, which says nothing of others\n{meaning}"
    note_below(figure, text)


def log_axis(axes: Axes) -> None:
    """Make the x axis logarithmic, with numbers to be read on it."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if np.log10(high / low) < 1.6 else (1,)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter("")


def shown_cells(tables: StudyTables, settings: FigureSettings, statistic: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return seeds and cells of a statistic, for the recipes and inits of a figure.

    Seeds have the standard error of what was estimated from random draws. A cell of one seed has no interval over
    seeds; of its test accuracy it has that over test images.
    """
    seeds = of_figure(tables.runs, settings).query("status != 'diverged'")
    cells = of_figure(tables.cells, settings).query("statistic == @statistic").copy()
    cells["note"] = [count_diverged(cell) for cell in cells.to_dict("records")]
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

"""``fig_response``: test accuracy against a number by which inits or recipes differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import offset_copy

from badminima.analysis.tables import StudyTables
from badminima.config.studies import Doses
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, style

# Values nearer to each other than this share of their span are evenly spaced.
CROWDED = 0.1
# How far lines stand apart, in points; seeds stand a little to the left of their mean.
STEP = 6
LOOKS = {"init": style.look_of_inits, "recipe": style.look_of_recipes}
LABELS = {"init": style.init_label, "recipe": style.recipe_label}


@dataclass(frozen=True)
class Plan:
    """Which names stand along the setting, and which ones tell the lines apart.

    Attributes:
        doses: the setting, and where names stand along it.
        placed, line: column of the names that stand along it, and of those that tell lines apart.
        references: names of that column that stand nowhere along it.
        looks: colour and marker of each line.
    """

    doses: Doses
    placed: str
    line: str
    references: list[str]
    looks: Mapping[str, tuple[str, str]]


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a line per recipe over inits, or per init over recipes.

    Names that stand nowhere along the setting are drawn at the left, unconnected: they are what to compare with.
    """
    plan = _plan(settings)
    seeds, cells = style.shown_cells(tables, settings, "test_accuracy")
    panels = style.settings_of(tables.runs)
    columns = min(len(panels), 4)
    rows = -(-len(panels) // columns)
    widths = [0.18 * len(plan.references), 1.0] if plan.references else [1.0]
    figure, grid = style.panels(
        rows,
        columns * len(widths),
        2.9 * rows,
        style.COLUMN_WIDTH * columns * (1 + 0.1 * len(plan.references)),
        width_ratios=widths * columns,
    )
    pairs = grid.reshape(rows * columns, len(widths))
    for pair, panel in zip(pairs, panels, strict=False):
        values = style.percent(style.rows_of(seeds, panel)), style.percent(style.rows_of(cells, panel))
        if plan.references:
            places = {name: float(place) for place, name in enumerate(plan.references)}
            _draw_points(pair[0], plan, places, *values, "none")
            pair[0].set_xticks(range(len(places)), map(LABELS[plan.placed], places), rotation=35, ha="right")
            pair[0].set_xlim(-0.5, len(places) - 0.5)
            pair[-1].sharey(pair[0])
            pair[-1].spines["left"].set_visible(False)
            pair[-1].tick_params(axis="y", left=False, labelleft=False)
        for series, line in zip(plan.doses.series, cycle(style.LINES), strict=False):
            _draw_points(pair[-1], plan, series, *values, line)
        _set_scale(pair[-1], plan)
        _set_limits(pair[0], plan, *values)
        pair[-1].set_title(style.cell_title(*panel))
        pair[0].set_ylabel(style.accuracy_label(tables.runs))
    _legend(figure, plan)
    style.explain_marks(figure, cells, settings.statistics.confidence)
    positions = {name: value for series in plan.doses.series for name, value in series.items()}
    shown = style.table_of_cells(seeds, cells)
    return Drawing(figure, shown.assign(position=shown[plan.placed].map(positions)))


def _plan(settings: FigureSettings) -> Plan:
    doses = settings.doses
    assert doses is not None, "load_config refuses a response without doses"
    standing = {name for series in doses.series for name in series}
    names = {"init": settings.inits, "recipe": settings.recipes}
    placed, line = ("init", "recipe") if doses.axis == "inits" else ("recipe", "init")
    references = [name for name in names[placed] if name not in standing]
    return Plan(doses, placed, line, references, LOOKS[line](names[line]))


def _draw_points(
    axes: Axes, plan: Plan, positions: Mapping[str, float], seeds: pd.DataFrame, cells: pd.DataFrame, line_style: Any
) -> None:
    """Draw seeds as circles, means joined, lines a little apart; count diverged runs at the lower edge."""
    seeds, cells = (
        table.assign(position=table[plan.placed].map(positions)).dropna(subset=["position"]) for table in (seeds, cells)
    )
    shifts = STEP * (np.arange(len(plan.looks)) - (len(plan.looks) - 1) / 2)
    for (name, (colour, marker)), shift in zip(plan.looks.items(), shifts, strict=True):
        figure = axes.get_figure(root=True)
        left, right = (
            offset_copy(axes.transData, fig=figure, x=shift + side * style.APART * STEP, units="points")
            for side in (-1, 1)
        )
        of_seeds = seeds[seeds[plan.line] == name]
        axes.scatter(of_seeds["position"], of_seeds["value"], edgecolors=colour, transform=left, **style.SEED_LOOK)
        of_cells = cells[cells[plan.line] == name].sort_values("position")
        axes.errorbar(
            of_cells["position"],
            of_cells["mean"],
            yerr=style.bars(of_cells),
            color=colour,
            marker=marker,
            linestyle=line_style,
            linewidth=1.0,
            transform=right,
            **style.MEAN_LOOK,
        )
    for _, diverged in cells[cells["diverged"] > 0].groupby("position"):
        for line, row in enumerate(diverged.to_dict("records")):
            axes.annotate(
                f"{row['diverged']}/{row['seeds']} diverged",
                (row["position"], 0.01),
                (0, 7 * line),
                xycoords=axes.get_xaxis_transform(),
                textcoords="offset points",
                fontsize=6,
                color=plan.looks[row[plan.line]][0],
                ha="center",
                va="bottom",
            )


def _set_limits(axes: Axes, plan: Plan, seeds: pd.DataFrame, cells: pd.DataFrame) -> None:
    """Keep everything in sight, with room for the counts of diverged runs."""
    values = pd.concat([seeds["value"], cells["mean"], cells["low"], cells["high"]]).dropna()
    if len(values):
        counts = cells[cells["diverged"] > 0].groupby(plan.placed).size().max() if cells["diverged"].any() else 0
        margin = 0.05 * (values.max() - values.min())
        axes.set_ylim(values.min() - margin * (1 + 1.5 * counts), min(values.max() + margin, 100.5))
        # The room below may reach where no accuracy is.
        low, high = axes.get_ylim()
        ticks = [tick for tick in axes.get_yticks() if max(low, 0) <= tick <= high]
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])


def _set_scale(axes: Axes, plan: Plan) -> None:
    """Set a tick at every value, on a logarithmic axis if they span factors; keep zero.

    Where the names of neighbours would run into each other, values are evenly spaced, and the label says so.
    """
    ticks = sorted({value for series in plan.doses.series for value in series.values()})
    least, most = next(value for value in ticks if value > 0), ticks[-1]
    label = plan.doses.over.replace("_", " ")
    margin = (most / least) ** 0.12
    limits = least / margin, most * margin
    if most / least < 5:
        margin = 0.12 * (most - ticks[0])
        limits = ticks[0] - margin, most + margin
    elif ticks[0] == 0:
        axes.set_xscale("symlog", linthresh=least, linscale=0.5)
        limits = -0.35 * least, most * margin
    else:
        axes.set_xscale("log")
    places = axes.get_xaxis().get_transform().transform(np.array(ticks))
    if np.diff(places).min(initial=np.inf) < CROWDED * (places[-1] - places[0]):
        label = f"{label} (not to scale)"
        values = np.array([2 * ticks[0] - ticks[1], *ticks, 2 * ticks[-1] - ticks[-2]])
        places = np.arange(len(values))
        functions = (lambda value: np.interp(value, values, places), lambda place: np.interp(place, places, values))
        axes.set_xscale("function", functions=functions)
        # Half a step beyond the outermost.
        limits = (values[0] + values[1]) / 2, (values[-2] + values[-1]) / 2
    axes.set_xlim(*limits)
    axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
    axes.minorticks_off()
    axes.set_xlabel(label)


def _legend(figure: Figure, plan: Plan) -> None:
    """Draw the legend of the lines, and of the series if there are several."""
    firsts = [min(series, key=series.__getitem__) for series in plan.doses.series]
    more = [
        Line2D([], [], color="#777777", linestyle=line, label=f"from {LABELS[plan.placed](first)}")
        for first, line in zip(firsts, style.LINES, strict=False)
    ]
    title = "recipe" if plan.line == "recipe" else "initialization"
    style.legend_above(figure, plan.looks, LABELS[plan.line], title, *(more if len(more) > 1 else ()))

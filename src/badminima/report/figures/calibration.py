"""``fig_calibration``: whether a run is right as often as it is sure."""

from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.tables import CELL_KEYS, StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw, style

ERROR, SHARE, CONFIDENCE, RIGHT = (f"calibration.{name}" for name in ("ece", "share", "confidence", "accuracy"))
RARE = 0.01  # share of the answers below which a bin scatters too much to be shown


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a row per (dataset, model): a reliability diagram and calibration errors.

    The diagram shows two recipes at most and pools the answers of all seeds of a cell.
    """
    reliability = _reliability(tables.layers, settings)
    if ERROR not in tables.runs or reliability.empty:
        return nothing_to_draw("no run has calibration: see costs.csv", reliability)
    seeds, cells = (style.percent(table) for table in style.shown_cells(tables, settings, ERROR))
    rows = style.settings_of(tables.runs)
    height = max(2.9, 1.1 + style.height_of_rows(settings.recipes, settings.inits))
    figure, grid = style.panels(len(rows), 2, height * len(rows))
    for (diagram, errors), setting in zip(grid, rows, strict=True):
        _draw_diagram(diagram, style.rows_of(reliability, setting), settings)
        points, means = (style.rows_of(table, setting) for table in (seeds, cells))
        style.draw_cells(errors, points, means, settings.recipes, settings.inits)
        errors.set(xlabel="expected calibration error (points)", title=style.cell_title(*setting))
    style.init_legend(figure, settings.inits)
    style.explain_marks(figure, cells, settings.statistics.confidence)
    shown = [reliability.assign(kind="reliability"), style.table_of_cells(seeds, cells)]
    return Drawing(figure, pd.concat(shown, ignore_index=True))


def _reliability(layers: pd.DataFrame, settings: FigureSettings) -> pd.DataFrame:
    """Return share, confidence and accuracy of each cell's bins in percent, seeds pooled."""
    two = settings.model_copy(update={"recipes": settings.recipes[:: max(1, len(settings.recipes) - 1)]})
    bins = style.of_figure(layers[layers["statistic"].isin([SHARE, CONFIDENCE, RIGHT])], two)
    if bins.empty:
        return pd.DataFrame(columns=[*CELL_KEYS, "bin", "share", "confidence", "accuracy"])
    wide = bins.pivot_table(index=[*CELL_KEYS, "tensor", "seed"], columns="statistic", values="value").reset_index()
    weighted = wide.assign(**{name: wide[name] * wide[SHARE] for name in (CONFIDENCE, RIGHT)})
    sums = weighted.groupby([*CELL_KEYS, "tensor"])[[SHARE, CONFIDENCE, RIGHT]].sum().reset_index()
    found = sums.merge(wide.groupby(CELL_KEYS)["seed"].nunique().rename("seeds").reset_index())
    shown = found[CELL_KEYS].assign(
        bin=found["tensor"].astype(float),
        share=100 * found[SHARE] / found["seeds"],
        confidence=100 * found[CONFIDENCE] / found[SHARE],
        accuracy=100 * found[RIGHT] / found[SHARE],
    )
    return shown.sort_values([*CELL_KEYS, "bin"], ignore_index=True)


def _draw_diagram(axes: Axes, reliability: pd.DataFrame, settings: FigureSettings) -> None:
    axes.plot([0, 100], [0, 100], color="#777777", linewidth=0.8, zorder=0)
    looks = style.look_of_inits(settings.inits)
    reliability = reliability[reliability["share"] >= 100 * RARE]
    recipes = [recipe for recipe in settings.recipes if recipe in set(reliability["recipe"])]
    for init, (place, recipe) in product(settings.inits, enumerate(recipes)):
        colour, marker = looks[init]
        curve = reliability[(reliability["init"] == init) & (reliability["recipe"] == recipe)]
        line = {"linestyle": style.LINES[place % len(style.LINES)], "linewidth": 1.1}
        axes.plot(curve["confidence"], curve["accuracy"], color=colour, marker=marker, markersize=3.5, **line)
    least = np.floor(reliability[["confidence", "accuracy"]].min().min() / 10) * 10
    axes.set(xlabel="confidence (%)", ylabel="accuracy (%)", xlim=(least, 101), ylim=(least, 101))
    lines = {"-": "solid", style.LINES[1]: "dashed"}
    names = [f"{style.recipe_label(recipe)} ({lines[style.LINES[place]]})" for place, recipe in enumerate(recipes)]
    axes.set_title(", ".join(names), fontsize="small")

"""``fig_calibration``: whether a run is right as often as it is sure."""

from itertools import product

import matplotlib.pyplot as plt
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
    figure, grid = plt.subplots(len(rows), 2, figsize=(style.PAGE_WIDTH, height * len(rows)), squeeze=False)
    for (diagram, errors), setting in zip(grid, rows, strict=True):
        _draw_diagram(diagram, style.rows_of(reliability, setting), settings)
        style.draw_cells(
            errors, style.rows_of(seeds, setting), style.rows_of(cells, setting), settings.recipes, settings.inits
        )
        errors.set_xlabel("expected calibration error (points)")
        errors.set_title(style.cell_title(*setting))
    style.init_legend(figure, settings.inits)
    style.explain_marks(figure, cells, settings.statistics.confidence, "mean")
    shown = [reliability.assign(kind="reliability"), style.table_of_cells(seeds, cells)]
    return Drawing(figure, pd.concat(shown, ignore_index=True))


def _reliability(layers: pd.DataFrame, settings: FigureSettings) -> pd.DataFrame:
    """Return share, confidence and accuracy of each cell's bins in percent, seeds pooled."""
    chosen = layers["recipe"].isin(settings.recipes[:: max(1, len(settings.recipes) - 1)])
    bins = layers[chosen & layers["init"].isin(settings.inits) & layers["statistic"].isin([SHARE, CONFIDENCE, RIGHT])]
    if bins.empty:
        return pd.DataFrame(columns=[*CELL_KEYS, "bin", "share", "confidence", "accuracy"])
    wide = bins.pivot_table(index=[*CELL_KEYS, "tensor", "seed"], columns="statistic", values="value").reset_index()
    weighted = wide.assign(**{name: wide[name] * wide[SHARE] for name in (CONFIDENCE, RIGHT)})
    sums = weighted.groupby([*CELL_KEYS, "tensor"], sort=False)[[SHARE, CONFIDENCE, RIGHT]].sum().reset_index()
    seeds = wide.groupby(CELL_KEYS)["seed"].nunique().rename("seeds").reset_index()
    found = sums.merge(seeds)
    return pd.DataFrame(
        {
            **{key: found[key] for key in CELL_KEYS},
            "bin": found["tensor"].astype(float),
            "share": 100 * found[SHARE] / found["seeds"],
            "confidence": 100 * found[CONFIDENCE] / found[SHARE],
            "accuracy": 100 * found[RIGHT] / found[SHARE],
        }
    ).sort_values([*CELL_KEYS, "bin"], ignore_index=True)


def _draw_diagram(axes: Axes, reliability: pd.DataFrame, settings: FigureSettings) -> None:
    axes.plot([0, 100], [0, 100], color="#777777", linewidth=0.8, zorder=0)
    looks = style.look_of_inits(settings.inits)
    recipes = [recipe for recipe in settings.recipes if recipe in set(reliability["recipe"])]
    for init, (place, recipe) in product(settings.inits, enumerate(recipes)):
        colour, marker = looks[init]
        curve = reliability[(reliability["init"] == init) & (reliability["recipe"] == recipe)]
        curve = curve[curve["share"] >= 100 * RARE]
        (line,) = axes.plot(curve["confidence"], curve["accuracy"], color=colour, marker=marker, markersize=3.5)
        line.set(linestyle=style.LINES[place % len(style.LINES)], linewidth=1.1)
    axes.set_xlabel("confidence (%)")
    axes.set_ylabel("accuracy (%)")
    least = reliability.loc[reliability["share"] >= 100 * RARE, ["confidence", "accuracy"]].min().min()
    axes.set_xlim(np.floor(least / 10) * 10, 101)
    axes.set_ylim(np.floor(least / 10) * 10, 101)
    lines = {"-": "solid", style.LINES[1]: "dashed"}
    names = [f"{style.recipe_label(recipe)} ({lines[style.LINES[place]]})" for place, recipe in enumerate(recipes)]
    axes.set_title(", ".join(names), fontsize="small")

"""Figures of cells: every recipe from every init, a panel per statistic or network."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.columns import described
from badminima.analysis.statistics import estimate
from badminima.analysis.tables import CELL_KEYS, StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw, style

PRIVACY_AUC = "membership inference,\nAUC (%; line: chance)"
# By the kind of figure: statistic -> label of its axis. Fractions are in percent.
PANELS = {
    "distance": {
        "distance.relative": "distance from start,\nover the norm of the start",
        "norm.end": "norm at the end\n(dashed: at the start)",
        "distance.angle": "angle to start (degrees)",
    },
    "complexity": {
        "complexity.log_product_spectral_over_margin": "log product of spectral norms$^2$\nover margin$^2$",
        "complexity.log_path_norm_over_margin": "log path norm over margin$^2$",
        "complexity.fisher_rao": "Fisher-Rao norm",
    },
    "sharpness": {
        "sharpness.trace": "trace of the Hessian",
        "sharpness.asam": "worst rise of the loss near by,\nrelative to each weight (nats)",
        "sharpness.pac_bayes_sigma_magnitude": "tolerated noise, relative\nto each weight (PAC-Bayes)",
    },
    "memory": {
        "memory.confusing_accuracy": "accuracy on the\nconfusing set (%)",
        "memory.kept": "wrong labels of the start\nthat the end still gives (%)",
        "privacy.auc": PRIVACY_AUC,
    },
    "privacy": {
        "privacy.auc": PRIVACY_AUC,
        "privacy.advantage": "advantage at the best\nthreshold (%)",
        "privacy.loss_gap": "loss on test minus\ntraining images (nats)",
    },
    "units": {
        "units.dead": "units that never fire (%)",
        "units.always_on": "units that always fire (%)",
        "units.effective_rank": "effective rank of\nthe last features",
    },
}
FROM_ZERO = ("norm.end", "memory.confusing_accuracy", "memory.kept")
# What a coin, or no difference, would give.
CHANCE = {"privacy.auc": 50, "privacy.advantage": 0, "privacy.loss_gap": 0}


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw seeds, means and intervals: a row per (dataset, model), a panel per statistic.

    On a logarithmic axis means are geometric, with intervals made on it.
    """
    labels = PANELS[settings.kind]
    missing = [name for name in labels if name not in tables.runs]
    if missing:
        return nothing_to_draw(f"no run has {', '.join(missing)}: see costs.csv", pd.DataFrame({"missing": missing}))
    chosen = {name: _chosen(tables, settings, name) for name in labels}
    rows = style.settings_of(tables.runs)
    height = 1.1 + style.height_of_rows(settings.recipes, settings.inits)
    figure, grid = style.panels(len(rows), len(labels), height * len(rows), sharey=True)
    for line, setting in zip(grid, rows, strict=True):
        for axes, (name, label) in zip(line, labels.items(), strict=True):
            seeds, cells = (style.rows_of(table, setting) for table in chosen[name])
            style.draw_cells(axes, seeds, cells, settings.recipes, settings.inits)
            axes.set_xlabel(label)
            if name in style.LOGARITHMIC and len(seeds):
                style.log_axis(axes)
            if name in CHANCE:
                axes.axvline(CHANCE[name], color="#777777", linewidth=0.8, zorder=0)
            if name in FROM_ZERO:
                axes.set_xlim(left=0)
            if name == "norm.end":
                _mark_start_norms(axes, style.rows_of(tables.runs, setting), settings.inits)
        line[len(labels) // 2].set_title(style.cell_title(*setting))
    style.init_legend(figure, settings.inits)
    mean = "mean (geometric on logarithmic axes)" if {*labels} & {*style.LOGARITHMIC} else "mean"
    style.explain_marks(figure, chosen[next(iter(labels))][1], settings.statistics.confidence, mean)
    return Drawing(figure, pd.concat([style.table_of_cells(*pair) for pair in chosen.values()], ignore_index=True))


def draw_ablation(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw the test accuracy, a panel per (dataset, model)."""
    seeds, cells = style.shown_cells(tables, settings, "test_accuracy")
    panels = style.settings_of(tables.runs)
    columns = min(len(panels), 4)
    rows = -(-len(panels) // columns)
    height = 1.2 + style.height_of_rows(settings.recipes, settings.inits)
    figure, grid = style.panels(rows, columns, height * rows, style.COLUMN_WIDTH * columns, sharey=True)
    for axes, panel in zip(grid.flat, panels, strict=False):
        points, means = (style.percent(style.rows_of(table, panel)) for table in (seeds, cells))
        style.draw_cells(axes, points, means, settings.recipes, settings.inits)
        axes.set(title=style.cell_title(*panel), xlabel=style.accuracy_label(tables.runs))
        axes.set_xlim(right=min(axes.get_xlim()[1], 100.5))
    style.init_legend(figure, settings.inits)
    style.explain_marks(figure, cells, settings.statistics.confidence)
    return Drawing(figure, style.table_of_cells(seeds, cells))


def _chosen(tables: StudyTables, settings: FigureSettings, statistic: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the seeds and cells of a statistic as they are drawn.

    On a logarithmic axis these are the seeds above zero, and geometric means with intervals made on it. A cell with a
    seed that is not above zero has neither; its note says so.
    """
    seeds, cells = style.shown_cells(tables, settings, statistic)
    if described(statistic).is_fraction:
        return style.percent(seeds), style.percent(cells)
    if statistic not in style.LOGARITHMIC:
        return seeds, cells
    for place, cell in cells.iterrows():
        of_cell = (seeds[CELL_KEYS] == cell[CELL_KEYS]).all(axis=1) & seeds["value"].notna()
        values = seeds.loc[of_cell, "value"].to_numpy(dtype=float)
        cells.loc[place, ["mean", "sd", "low", "high"]] = np.nan
        if len(values) and (values > 0).all():
            result = estimate(np.log(values), settings.statistics, settings.root_seed)
            cells.loc[place, ["mean", "low", "high"]] = np.exp([result.mean, result.low, result.high])
        elif len(values):
            beyond = f"{(values <= 0).sum()} of {len(values)} not above 0"
            cells.loc[place, "note"] = ", ".join(filter(None, (str(cell["note"]), beyond)))
    return seeds[seeds["value"] > 0], cells


def _mark_start_norms(axes: Axes, runs: pd.DataFrame, inits: list[str]) -> None:
    """Draw each init's norm at the start, dashed so that equal norms both show."""
    for position, (init, (colour, _)) in enumerate(style.look_of_inits(inits).items()):
        norm = runs.loc[runs["init"] == init, "norm.start"].mean()
        dashes = (2 * position, (2, 2 * len(inits) - 2)) if len(inits) > 1 else (0, (2, 2))
        axes.axvline(norm, color=colour, linewidth=1, linestyle=dashes, zorder=1)

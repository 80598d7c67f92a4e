"""Figures of cells: every recipe from every init, a panel per statistic or network."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.columns import described
from badminima.analysis.statistics import estimate
from badminima.analysis.tables import CELL_KEYS, StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw, style


@dataclass(frozen=True)
class Panel:
    """A statistic of a figure; fractions are in percent.

    Attributes:
        label: of its axis.
        logarithmic: whether the axis is, with geometric means and intervals made on it.
        line: where to draw a line: what a coin, or no difference, would give.
        from_zero: whether the axis begins at 0.
    """

    label: str
    logarithmic: bool = False
    line: float | None = None
    from_zero: bool = False


AUC = Panel("membership inference,\nAUC (%; line: chance)", line=50)
# By the kind of figure, then by statistic. Distances and traces span factors of ten between recipes.
PANELS = {
    "distance": {
        "distance.relative": Panel("distance from start,\nover the norm of the start", logarithmic=True),
        "norm.end": Panel("norm at the end\n(dashed: at the start)", from_zero=True),
        "distance.angle": Panel("angle to start (degrees)", logarithmic=True),
    },
    "complexity": {
        "complexity.log_product_spectral_over_margin": Panel("log product of spectral norms$^2$\nover margin$^2$"),
        "complexity.log_path_norm_over_margin": Panel("log path norm over margin$^2$"),
        "complexity.fisher_rao": Panel("Fisher-Rao norm"),
    },
    "sharpness": {
        "sharpness.trace": Panel("trace of the Hessian", logarithmic=True),
        "sharpness.asam": Panel("worst rise of the loss near by,\nrelative to each weight (nats)", logarithmic=True),
        "sharpness.pac_bayes_sigma_magnitude": Panel("tolerated noise, relative\nto each weight (PAC-Bayes)"),
    },
    "memory": {
        "memory.confusing_accuracy": Panel("accuracy on the\nconfusing set (%)", from_zero=True),
        "memory.kept": Panel("wrong labels of the start\nthat the end still gives (%)", from_zero=True),
        "privacy.auc": AUC,
    },
    "privacy": {
        "privacy.auc": AUC,
        "privacy.advantage": Panel("advantage at the best\nthreshold (%)", line=0),
        "privacy.loss_gap": Panel("loss on test minus\ntraining images (nats)", line=0),
    },
    "units": {
        "units.dead": Panel("units that never fire (%)"),
        "units.always_on": Panel("units that always fire (%)"),
        "units.effective_rank": Panel("effective rank of\nthe last features"),
    },
}


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw seeds, means and intervals: a row per (dataset, model), a panel per statistic."""
    panels = PANELS[settings.kind]
    missing = [name for name in panels if name not in tables.runs]
    if missing:
        return nothing_to_draw(f"no run has {', '.join(missing)}: see costs.csv", pd.DataFrame({"missing": missing}))
    chosen = {name: _chosen(tables, settings, name, panel.logarithmic) for name, panel in panels.items()}
    rows = style.settings_of(tables.runs)
    height = 1.1 + style.height_of_rows(settings.recipes, settings.inits)
    figure, grid = plt.subplots(
        len(rows), len(panels), figsize=(style.PAGE_WIDTH, height * len(rows)), squeeze=False, sharey=True
    )
    for line, setting in zip(grid, rows, strict=True):
        for axes, (name, panel) in zip(line, panels.items(), strict=True):
            seeds, cells = (style.rows_of(table, setting) for table in chosen[name])
            style.draw_cells(axes, seeds, cells, settings.recipes, settings.inits)
            axes.set_xlabel(panel.label)
            if panel.logarithmic and len(seeds):
                style.log_axis(axes)
            if panel.line is not None:
                axes.axvline(panel.line, color="#777777", linewidth=0.8, zorder=0)
            if panel.from_zero:
                axes.set_xlim(left=0)
            if name == "norm.end":
                _mark_start_norms(axes, style.rows_of(tables.runs, setting), settings.inits)
        line[len(panels) // 2].set_title(style.cell_title(*setting))
    style.init_legend(figure, settings.inits)
    logarithmic = any(panel.logarithmic for panel in panels.values())
    mean = "mean (geometric on logarithmic axes)" if logarithmic else "mean"
    style.explain_marks(figure, chosen[next(iter(panels))][1], settings.statistics.confidence, mean)
    return Drawing(figure, pd.concat([style.table_of_cells(*pair) for pair in chosen.values()], ignore_index=True))


def draw_ablation(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw the test accuracy, a panel per (dataset, model)."""
    seeds, cells = style.shown_cells(tables, settings, "test_accuracy")
    panels = style.settings_of(tables.runs)
    columns = min(len(panels), 4)
    rows = -(-len(panels) // columns)
    height = 1.2 + style.height_of_rows(settings.recipes, settings.inits)
    figure, grid = plt.subplots(
        rows, columns, figsize=(style.COLUMN_WIDTH * columns, height * rows), squeeze=False, sharey=True
    )
    for axes, panel in zip(grid.flat, panels, strict=False):
        points, means = (style.percent(style.rows_of(table, panel)) for table in (seeds, cells))
        style.draw_cells(axes, points, means, settings.recipes, settings.inits)
        axes.set_title(style.cell_title(*panel))
        axes.set_xlabel(style.accuracy_label(tables.runs))
        axes.set_xlim(right=min(axes.get_xlim()[1], 100.5))
    style.hide(grid.flat[len(panels) :])
    style.init_legend(figure, settings.inits)
    style.explain_marks(figure, cells, settings.statistics.confidence)
    return Drawing(figure, style.table_of_cells(seeds, cells))


def _chosen(
    tables: StudyTables, settings: FigureSettings, statistic: str, logarithmic: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the seeds and cells of a statistic as they are drawn.

    On a logarithmic axis these are the seeds above zero, and geometric means with intervals made on it. A cell with a
    seed that is not above zero has neither; its note says so.
    """
    seeds, cells = style.shown_cells(tables, settings, statistic)
    if described(statistic).is_fraction:
        return style.percent(seeds), style.percent(cells)
    if not logarithmic:
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

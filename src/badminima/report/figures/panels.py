"""Figures that show several statistics of every recipe, a panel for each."""

from collections.abc import Callable, Collection, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.columns import described
from badminima.analysis.statistics import estimate
from badminima.analysis.tables import CELL_KEYS, StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw
from badminima.report.figures.style import (
    PAGE_WIDTH,
    cell_title,
    draw_cells,
    explain_marks,
    height_of_rows,
    init_legend,
    log_axis,
    rows_of,
    set_style,
    settings_of,
    shown_cells,
    table_of_cells,
)

Finish = Callable[[Axes, str, tuple[str, str]], None]


def draw_panels(
    tables: StudyTables,
    settings: FigureSettings,
    panels: Mapping[str, str],
    *,
    logarithmic: Collection[str] = (),
    finish: Finish = lambda axes, statistic, setting: None,
) -> Drawing:
    """Draw a row of panels per (dataset, model), one for each statistic: recipes, seeds, means and intervals.

    Fractions are in percent.

    Args:
        tables: a study's tables, with every statistic among the columns of runs.
        settings: which recipes and inits are shown.
        panels: statistic -> label of its axis.
        logarithmic: statistics on a logarithmic axis, with geometric means and intervals made on it.
        finish: called with each panel, its statistic and its (dataset, model).
    """
    missing = [name for name in panels if name not in tables.runs]
    if missing:
        return nothing_to_draw(f"no run has {', '.join(missing)}: see costs.csv", pd.DataFrame({"missing": missing}))
    set_style()
    chosen = {name: _chosen(tables, settings, name, name in logarithmic) for name in panels}
    rows = settings_of(tables.runs)
    height = 1.1 + height_of_rows(settings.recipes, settings.inits)
    figure, grid = plt.subplots(
        len(rows), len(panels), figsize=(PAGE_WIDTH, height * len(rows)), squeeze=False, sharey=True
    )
    for line, setting in zip(grid, rows, strict=True):
        for axes, (name, label) in zip(line, panels.items(), strict=True):
            seeds, cells = (rows_of(table, setting) for table in chosen[name])
            draw_cells(axes, seeds, cells, settings.recipes, settings.inits)
            axes.set_xlabel(label)
            if name in logarithmic and len(seeds):
                log_axis(axes)
            finish(axes, name, setting)
        line[len(panels) // 2].set_title(cell_title(*setting))
    init_legend(figure, settings.inits)
    mean = "mean (geometric on logarithmic axes)" if logarithmic else "mean"
    explain_marks(figure, chosen[next(iter(panels))][1], settings.statistics.confidence, mean)
    return Drawing(figure, pd.concat([table_of_cells(*tables) for tables in chosen.values()], ignore_index=True))


def _chosen(
    tables: StudyTables, settings: FigureSettings, statistic: str, logarithmic: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the seeds and cells of a statistic as they are drawn."""
    seeds, cells = shown_cells(tables, settings, statistic)
    if described(statistic).is_fraction:
        return percent(seeds), percent(cells)
    return on_log_scale(seeds, cells, settings) if logarithmic else (seeds, cells)


def percent(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of seeds or cells with its fractions turned into percent."""
    values = table.columns.intersection(["value", "se", "mean", "sd", "low", "high"])
    return table.assign(**{name: 100 * table[name] for name in values})


def on_log_scale(
    seeds: pd.DataFrame, cells: pd.DataFrame, settings: FigureSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return seeds above zero, and cells with the geometric mean and its interval, made on the logarithmic scale.

    A cell with a seed that is not above zero has neither; its note says so.
    """
    cells, above = cells.copy(), seeds["value"] > 0
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
    return seeds[above], cells

"""Figures that show several statistics of every recipe, a panel for each."""

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.tables import StudyTables
from badminima.experiment.slices import FigureSettings
from badminima.figures import Drawing, nothing_to_draw
from badminima.figures.style import (
    PAGE_WIDTH,
    cell_title,
    draw_cells,
    init_legend,
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
    finish: Finish = lambda axes, statistic, setting: None,
) -> Drawing:
    """A row of panels per (dataset, model), one for each statistic: a row per recipe, seeds, means and intervals.

    Args:
        tables: a study's tables, with every statistic among the columns of runs.
        settings: which recipes and inits are shown.
        panels: statistic -> label of its axis.
        finish: called with each panel, its statistic and its (dataset, model).
    """
    missing = [name for name in panels if name not in tables.runs]
    if missing:
        return nothing_to_draw(f"no run has {', '.join(missing)}: see costs.csv", pd.DataFrame({"missing": missing}))
    set_style()
    chosen = {name: shown_cells(tables.runs, tables.cells, name, settings.recipes, settings.inits) for name in panels}
    rows = settings_of(tables.runs)
    height = 1.0 + max(0.27, 0.12 * len(settings.inits)) * len(settings.recipes)
    figure, grid = plt.subplots(
        len(rows), len(panels), figsize=(PAGE_WIDTH, height * len(rows)), squeeze=False, sharey=True
    )
    for line, setting in zip(grid, rows, strict=True):
        for axes, (name, label) in zip(line, panels.items(), strict=True):
            seeds, cells = (rows_of(table, setting) for table in chosen[name])
            draw_cells(axes, seeds, cells, settings.recipes, settings.inits)
            axes.set_xlabel(label)
            finish(axes, name, setting)
        line[len(panels) // 2].set_title(cell_title(*setting))
    init_legend(figure, settings.inits)
    return Drawing(figure, pd.concat([table_of_cells(*tables) for tables in chosen.values()], ignore_index=True))

"""``fig_distance``: how far each recipe travels, with the norm and with the common scale removed."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.tables import StudyTables
from badminima.errors import UserError
from badminima.figures import Drawing
from badminima.figures.style import (
    PAGE_WIDTH,
    cell_title,
    draw_cells,
    init_legend,
    look_of_inits,
    rows_of,
    set_style,
    settings_of,
    shown_cells,
    table_of_cells,
)
from badminima.runs import FigureSettings

PANELS = {
    "distance.relative": "distance from start / norm of start",
    "norm.end": "norm at the end (dashed: at the start)",
    "distance.angle": "angle to start (degrees)",
}


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """A row of three panels per (dataset, model): relative distance, norm, angle."""
    missing = [name for name in PANELS if name not in tables.runs]
    if missing:
        raise UserError("fig_distance", f"tables without {', '.join(missing)}", "diagnostics needs distance and norms")
    set_style()
    chosen = {name: shown_cells(tables.runs, tables.cells, name, settings.recipes, settings.inits) for name in PANELS}
    rows = settings_of(tables.runs)
    height = 0.7 + 0.27 * len(settings.recipes)
    figure, grid = plt.subplots(len(rows), 3, figsize=(PAGE_WIDTH, height * len(rows)), squeeze=False, sharey=True)
    for line, setting in zip(grid, rows, strict=True):
        for axes, (name, label) in zip(line, PANELS.items(), strict=True):
            seeds, cells = (rows_of(table, setting) for table in chosen[name])
            draw_cells(axes, seeds, cells, settings.recipes, settings.inits)
            axes.set_xlabel(label)
            axes.set_xlim(left=0)
            if name == "norm.end":
                _mark_start_norms(axes, tables.runs, setting, settings.inits)
        line[1].set_title(cell_title(*setting))
    init_legend(figure, settings.inits)
    return Drawing(figure, pd.concat([table_of_cells(*tables) for tables in chosen.values()], ignore_index=True))


def _mark_start_norms(axes: Axes, runs: pd.DataFrame, setting: tuple[str, str], inits: list[str]) -> None:
    """A dashed line at each init's norm at the start; dashes alternate where two inits share a norm."""
    of_setting = rows_of(runs, setting)
    for position, (init, (colour, _)) in enumerate(look_of_inits(inits).items()):
        norm = of_setting.loc[of_setting["init"] == init, "norm.start"].mean()
        dashes = (2 * position, (2, 2 * len(inits) - 2)) if len(inits) > 1 else (0, (2, 2))
        axes.axvline(norm, color=colour, linewidth=1, linestyle=dashes, zorder=1)

"""``fig_ablation``: test accuracy of every recipe from every init."""

import matplotlib.pyplot as plt
import pandas as pd

from badminima.analysis.tables import StudyTables
from badminima.experiment.slices import FigureSettings
from badminima.figures import Drawing
from badminima.figures.style import (
    COLUMN_WIDTH,
    accuracy_label,
    cell_title,
    draw_cells,
    init_legend,
    rows_of,
    set_style,
    settings_of,
    shown_cells,
    table_of_cells,
)


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """A panel per (dataset, model); a row per recipe; points are seeds, bars the mean and its interval."""
    set_style()
    seeds, cells = shown_cells(tables.runs, tables.cells, "test_accuracy", settings.recipes, settings.inits)
    panels = settings_of(tables.runs)
    columns = min(len(panels), 4)
    rows = -(-len(panels) // columns)
    height = 1.1 + max(0.3, 0.12 * len(settings.inits)) * len(settings.recipes)
    figure, grid = plt.subplots(
        rows, columns, figsize=(COLUMN_WIDTH * columns, height * rows), squeeze=False, sharey=True
    )
    for axes, panel in zip(grid.flat, panels, strict=False):
        draw_cells(axes, _percent(seeds, panel), _percent(cells, panel), settings.recipes, settings.inits)
        axes.set_title(cell_title(*panel))
        axes.set_xlabel(accuracy_label(tables.runs))
        axes.set_xlim(right=min(axes.get_xlim()[1], 100.5))
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    init_legend(figure, settings.inits)
    return Drawing(figure, table_of_cells(seeds, cells))


def _percent(table: pd.DataFrame, panel: tuple[str, str]) -> pd.DataFrame:
    """The rows of one panel, fractions turned into percent."""
    rows = rows_of(table, panel).copy()
    values = rows.columns.intersection(["value", "mean", "low", "high"])
    rows[values] *= 100
    return rows

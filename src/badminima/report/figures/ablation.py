"""``fig_ablation``: test accuracy of every recipe from every init."""

import matplotlib.pyplot as plt

from badminima.analysis.tables import StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing
from badminima.report.figures.panels import percent
from badminima.report.figures.style import (
    COLUMN_WIDTH,
    accuracy_label,
    cell_title,
    draw_cells,
    explain_marks,
    height_of_rows,
    init_legend,
    rows_of,
    set_style,
    settings_of,
    shown_cells,
    table_of_cells,
)


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a panel per (dataset, model); a row per recipe; points are seeds, bars the mean and its interval."""
    set_style()
    seeds, cells = shown_cells(tables, settings, "test_accuracy")
    panels = settings_of(tables.runs)
    columns = min(len(panels), 4)
    rows = -(-len(panels) // columns)
    height = 1.2 + height_of_rows(settings.recipes, settings.inits)
    figure, grid = plt.subplots(
        rows, columns, figsize=(COLUMN_WIDTH * columns, height * rows), squeeze=False, sharey=True
    )
    for axes, panel in zip(grid.flat, panels, strict=False):
        draw_cells(
            axes, percent(rows_of(seeds, panel)), percent(rows_of(cells, panel)), settings.recipes, settings.inits
        )
        axes.set_title(cell_title(*panel))
        axes.set_xlabel(accuracy_label(tables.runs))
        axes.set_xlim(right=min(axes.get_xlim()[1], 100.5))
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    init_legend(figure, settings.inits)
    explain_marks(figure, cells, settings.statistics.confidence)
    return Drawing(figure, table_of_cells(seeds, cells))

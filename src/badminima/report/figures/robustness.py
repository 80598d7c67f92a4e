"""``fig_robustness``: accuracy against the strength of attacks, of noise, and of the data's own corruptions."""

import matplotlib.pyplot as plt
import pandas as pd

from badminima.analysis.tables import StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw, style
from badminima.report.figures.lines import draw_lines, explain_lines

PREFIX = "robustness."
KINDS = {
    "fgsm": "FGSM: radius, $\\ell_\\infty$ (1/255)",
    "pgd_linf": "PGD: radius, $\\ell_\\infty$ (1/255)",
    "pgd_l2": "PGD: radius, $\\ell_2$ (pixels 0 to 1)",
    "gaussian": "Gaussian noise: sd (pixels 0 to 1)",
    "shift": "shift (pixels)",
    "zeroing": "fraction of values zeroed",
}
COLUMNS = 3


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Two rows of three panels per (dataset, model), one for each way of disturbing the test images."""
    shown = _strengths(tables, settings)
    if shown.empty:
        return nothing_to_draw("no run has robustness: see costs.csv", shown)
    panels = [
        (setting, kind) for setting in style.settings_of(tables.runs) for kind in KINDS if (shown["kind"] == kind).any()
    ]
    rows = -(-len(panels) // COLUMNS)
    figure, grid = plt.subplots(rows, COLUMNS, figsize=(style.PAGE_WIDTH, 1.9 * rows + 0.6), squeeze=False, sharey=True)
    for axes, (setting, kind) in zip(grid.flat, panels, strict=False):
        draw_lines(axes, style.rows_of(shown[shown["kind"] == kind], setting), "strength", settings)
        axes.set_ylim(0, 101)
        axes.set_xlabel(KINDS[kind])
        if kind == panels[0][1]:
            axes.set_title(style.cell_title(*setting))
    style.hide(grid.flat[len(panels) :])
    for line in grid:
        line[0].set_ylabel("test accuracy (%)")
    style.legend_of_lines(figure, grid[0, 0], len(settings.inits), handlelength=2.6)
    band = f"band: {settings.statistics.confidence:.0%} interval"
    explain_lines(figure, "mean", band, int((shown["seeds"] - shown["diverged"]).max()))
    return Drawing(figure, shown)


def _strengths(tables: StudyTables, settings: FigureSettings) -> pd.DataFrame:
    """Cells of every kind and strength, strength 0 being the clean accuracy."""
    cells = style.of_figure(tables.cells, settings)
    cells = cells[cells["statistic"].str.startswith(PREFIX)]
    if cells.empty:
        return cells
    parts = cells["statistic"].str.removeprefix(PREFIX).str.rpartition("_")
    measured = cells.assign(kind=parts[0], strength=pd.to_numeric(parts[2], errors="coerce"))
    clean = cells[cells["statistic"] == f"{PREFIX}clean"].assign(strength=0.0)
    kinds = [kind for kind in KINDS if (measured["kind"] == kind).any()]
    shown = pd.concat([measured[measured["kind"].isin(kinds)], *(clean.assign(kind=kind) for kind in kinds)])
    return shown.sort_values(["dataset", "model", "kind", "init", "recipe", "strength"], ignore_index=True)

"""``fig_complexity``: how complex the end points are by three measures of the literature."""

from badminima.analysis.tables import StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing
from badminima.report.figures.panels import draw_panels

PANELS = {
    "complexity.log_product_spectral_over_margin": "log product of spectral norms$^2$\nover margin$^2$",
    "complexity.log_path_norm_over_margin": "log path norm over margin$^2$",
    "complexity.fisher_rao": "Fisher-Rao norm",
}


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a row of three panels per (dataset, model): spectral norms, path norm, Fisher-Rao norm."""
    return draw_panels(tables, settings, PANELS)

"""``fig_sharpness``: how sharp the end points are, by curvature, by the worst neighbour, by random neighbours."""

from badminima.analysis.tables import StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing
from badminima.report.figures.panels import draw_panels

PANELS = {
    "sharpness.trace": "trace of the Hessian",
    "sharpness.asam": "worst rise of the loss near by,\nrelative to each weight (nats)",
    "sharpness.pac_bayes_sigma_magnitude": "tolerated noise, relative\nto each weight (PAC-Bayes)",
}

LOGARITHMIC = ("sharpness.trace", "sharpness.asam")


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a row of three panels per (dataset, model); the first two on a logarithmic axis."""
    return draw_panels(tables, settings, PANELS, logarithmic=LOGARITHMIC)

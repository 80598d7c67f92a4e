"""``fig_memory``: what is left of the confusing labels, and what an attacker learns about the training set."""

from badminima.analysis.tables import StudyTables
from badminima.experiment.slices import FigureSettings
from badminima.figures import Drawing
from badminima.figures.panels import draw_panels

PANELS = {
    "memory.confusing_accuracy": "accuracy on the confusing set",
    "memory.kept": "confusing labels still produced",
    "privacy.auc": "membership inference, AUC",
}


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """A row of three panels per (dataset, model)."""
    return draw_panels(tables, settings, PANELS)

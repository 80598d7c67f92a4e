"""``fig_units``: which units a run uses, and over how many directions its last features spread."""

from badminima.analysis.tables import StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing
from badminima.report.figures.panels import draw_panels

PANELS = {
    "units.dead": "units that never fire (%)",
    "units.always_on": "units that always fire (%)",
    "units.effective_rank": "effective rank of\nthe last features",
}


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a row of three panels per (dataset, model)."""
    return draw_panels(tables, settings, PANELS)

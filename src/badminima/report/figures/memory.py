"""``fig_memory``: what is left of the confusing labels, and what an attacker learns about the training set."""

from matplotlib.axes import Axes

from badminima.analysis.tables import StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing
from badminima.report.figures.panels import draw_panels

PANELS = {
    "memory.confusing_accuracy": "accuracy on the\nconfusing set (%)",
    "memory.kept": "wrong labels of the start\nthat the end still gives (%)",
    "privacy.auc": "membership inference,\nAUC (%; line: chance)",
}
CHANCE = {"privacy.auc": 50}


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a row of three panels per (dataset, model), in percent."""

    def finish(axes: Axes, statistic: str, setting: tuple[str, str]) -> None:
        if statistic in CHANCE:
            axes.axvline(CHANCE[statistic], color="#777777", linewidth=0.8, zorder=0)
        else:
            axes.set_xlim(left=0)

    return draw_panels(tables, settings, PANELS, finish=finish)

"""``fig_privacy``: what an attacker learns about the training set, who knows the loss of each image."""

from matplotlib.axes import Axes

from badminima.analysis.tables import StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing
from badminima.report.figures.panels import draw_panels

PANELS = {
    "privacy.auc": "membership inference,\nAUC (%; line: chance)",
    "privacy.advantage": "advantage at the best\nthreshold (%)",
    "privacy.loss_gap": "loss on test minus\ntraining images (nats)",
}
NOTHING = {"privacy.auc": 50, "privacy.advantage": 0, "privacy.loss_gap": 0}


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a row of three panels per (dataset, model), each with a line where nothing is learnt."""

    def finish(axes: Axes, statistic: str, setting: tuple[str, str]) -> None:
        axes.axvline(NOTHING[statistic], color="#777777", linewidth=0.8, zorder=0)

    return draw_panels(tables, settings, PANELS, finish=finish)

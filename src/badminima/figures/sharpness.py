"""``fig_sharpness``: how sharp the end points are, by curvature, by the worst neighbour, by random neighbours."""

from matplotlib.axes import Axes

from badminima.analysis.tables import StudyTables
from badminima.experiment.slices import FigureSettings
from badminima.figures import Drawing
from badminima.figures.panels import draw_panels
from badminima.figures.style import rows_of

PANELS = {
    "sharpness.trace": "trace of the Hessian",
    "sharpness.asam": "adaptive worst-case\nloss increase",
    "sharpness.pac_bayes_sigma_magnitude": "tolerated noise, relative\nto each weight (PAC-Bayes)",
}

LOGARITHMIC = ("sharpness.trace", "sharpness.asam")


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """A row of three panels per (dataset, model); the first two on a logarithmic axis."""

    def finish(axes: Axes, statistic: str, setting: tuple[str, str]) -> None:
        if statistic in LOGARITHMIC:
            values = rows_of(tables.runs, setting)[statistic]
            if (values > 0).any():
                axes.set_xscale("log")
                axes.set_xlim(left=values[values > 0].min() / 2)

    return draw_panels(tables, settings, PANELS, finish)

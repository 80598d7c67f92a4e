"""``fig_sharpness``: how sharp the end points are, by curvature, by the worst neighbour, by random neighbours."""

from matplotlib.axes import Axes

from badminima.analysis.tables import StudyTables
from badminima.figures import Drawing
from badminima.figures.panels import draw_panels, require
from badminima.runs import FigureSettings

PANELS = {
    "sharpness.trace": "trace of the Hessian",
    "sharpness.asam": "adaptive worst-case\nloss increase",
    "sharpness.pac_bayes_sigma_magnitude": "tolerated noise, relative\nto each weight (PAC-Bayes)",
}


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """A row of three panels per (dataset, model); the first two on a logarithmic axis."""
    require(tables, PANELS, "fig_sharpness", "sharpness")

    def finish(axes: Axes, statistic: str, setting: tuple[str, str]) -> None:
        if statistic in list(PANELS)[:2]:
            # A trace estimated at a flat point may be negative.
            axes.set_xscale("symlog", linthresh=_smallest_size(tables, statistic))

    return draw_panels(tables, settings, PANELS, finish)


def _smallest_size(tables: StudyTables, statistic: str) -> float:
    """Where the axis turns from logarithmic to linear: the lowest decade that values lie in."""
    sizes = tables.runs[statistic].abs()
    return float(sizes[sizes > 0].quantile(0.02)) if (sizes > 0).any() else 1.0

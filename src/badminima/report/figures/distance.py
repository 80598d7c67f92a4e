"""``fig_distance``: how far each recipe travels, with the norm and with the common scale removed."""

from matplotlib.axes import Axes

from badminima.analysis.tables import StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing
from badminima.report.figures.panels import draw_panels
from badminima.report.figures.style import look_of_inits, rows_of

PANELS = {
    "distance.relative": "distance from start,\nover the norm of the start",
    "norm.end": "norm at the end\n(dashed: at the start)",
    "distance.angle": "angle to start (degrees)",
}
# Both span factors of ten between recipes, and the papers' claims are about ratios.
LOGARITHMIC = ("distance.relative", "distance.angle")


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a row of three panels per (dataset, model): relative distance, norm, angle."""

    def finish(axes: Axes, statistic: str, setting: tuple[str, str]) -> None:
        if statistic == "norm.end":
            axes.set_xlim(left=0)
            _mark_start_norms(axes, tables, setting, settings.inits)

    return draw_panels(tables, settings, PANELS, logarithmic=LOGARITHMIC, finish=finish)


def _mark_start_norms(axes: Axes, tables: StudyTables, setting: tuple[str, str], inits: list[str]) -> None:
    """Draw a dashed line at each init's norm at the start; dashes alternate where two inits share a norm."""
    of_setting = rows_of(tables.runs, setting)
    for position, (init, (colour, _)) in enumerate(look_of_inits(inits).items()):
        norm = of_setting.loc[of_setting["init"] == init, "norm.start"].mean()
        dashes = (2 * position, (2, 2 * len(inits) - 2)) if len(inits) > 1 else (0, (2, 2))
        axes.axvline(norm, color=colour, linewidth=1, linestyle=dashes, zorder=1)

"""Draw one figure from a study's tables.

Args:
    tables: folder of the study's tables.
"""

from badminima.analysis.tables import read_study
from badminima.cli import Folder, Output, command
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import draw_figure, write_drawing


@command
def fig(tables: Folder, settings: FigureSettings, pdf: Output, png: Output, svg: Output, csv: Output) -> None:
    write_drawing(draw_figure(read_study(tables), settings), pdf, png, svg, csv)

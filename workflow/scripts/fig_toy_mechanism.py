"""Draw what changes along the runs of the toy.

Args:
    table: the experiment's table.
    paths: what was measured along its runs.
"""

import pandas as pd

from badminima.cli import Input, Output, command
from badminima.experiment.settings import ToyFigureSettings
from badminima.report.figures import write_drawing
from badminima.toy.figure import draw_toy_mechanism


@command
def fig_toy_mechanism(
    table: Input, paths: Input, settings: ToyFigureSettings, pdf: Output, png: Output, svg: Output, csv: Output
) -> None:
    write_drawing(draw_toy_mechanism(pd.read_csv(table), pd.read_csv(paths), settings), pdf, png, svg, csv)

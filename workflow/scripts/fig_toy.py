"""Draw the toy's boundaries.

Args:
    networks: the experiment's networks.
    table: the experiment's table.
"""

import pandas as pd

from badminima.cli import Input, Output, command
from badminima.experiment.settings import ToyFigureSettings
from badminima.report.figures import write_drawing
from badminima.toy.data import read_networks
from badminima.toy.figure import draw_toy


@command
def fig_toy(
    networks: Input, table: Input, settings: ToyFigureSettings, pdf: Output, png: Output, svg: Output, csv: Output
) -> None:
    write_drawing(draw_toy(read_networks(networks), pd.read_csv(table), settings), pdf, png, svg, csv)

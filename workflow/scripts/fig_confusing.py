"""Draw images beside the copies of a confusing set.

Args:
    confusing: its confusing set.
"""

from badminima.cli import Input, Output, command
from badminima.data.prepared import read_prepared
from badminima.report.figures import write_drawing
from badminima.report.figures.confusing import draw_confusing


@command
def fig_confusing(prepared: Input, confusing: Input, pdf: Output, png: Output, svg: Output, csv: Output) -> None:
    write_drawing(draw_confusing(read_prepared(prepared, "numpy"), confusing), pdf, png, svg, csv)

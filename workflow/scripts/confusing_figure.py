"""Draw images beside the copies of a confusing set."""

from pathlib import Path

import click

from badminima.cli import INPUT_FILE, drawing_options, one_line_errors
from badminima.data.prepared import read_prepared
from badminima.report.figures import write_drawing
from badminima.report.figures.confusing import draw_confusing


@click.command(help=__doc__)
@click.option("--prepared", type=INPUT_FILE, required=True, help="The prepared dataset.")
@click.option("--confusing", type=INPUT_FILE, required=True, help="Its confusing set.")
@drawing_options
@one_line_errors
def main(prepared: Path, confusing: Path, pdf: Path, png: Path, svg: Path, csv: Path) -> None:
    write_drawing(draw_confusing(read_prepared(prepared, "numpy"), confusing), pdf, png, svg, csv)


if __name__ == "__main__":
    main()

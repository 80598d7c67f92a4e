"""Draw images beside the copies of a confusing set."""

from pathlib import Path

import click

from badminima.cli import INPUT_FILE, OUTPUT_FILE, one_line_errors
from badminima.data.prepared import read_prepared
from badminima.figures import write_drawing
from badminima.figures.confusing import draw_confusing


@click.command(help=__doc__)
@click.option("--prepared", type=INPUT_FILE, required=True, help="The prepared dataset.")
@click.option("--confusing", type=INPUT_FILE, required=True, help="Its confusing set.")
@click.option("--pdf", type=OUTPUT_FILE, required=True, help="Output: the figure.")
@click.option("--png", type=OUTPUT_FILE, required=True, help="Output: the figure.")
@click.option("--svg", type=OUTPUT_FILE, required=True, help="Output: the figure.")
@click.option("--csv", type=OUTPUT_FILE, required=True, help="Output: what it shows.")
@one_line_errors
def main(prepared: Path, confusing: Path, pdf: Path, png: Path, svg: Path, csv: Path) -> None:
    write_drawing(draw_confusing(read_prepared(prepared, "numpy"), confusing), pdf, png, svg, csv)


if __name__ == "__main__":
    main()

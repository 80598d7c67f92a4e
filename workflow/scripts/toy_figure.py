"""Draw the toy experiment: its boundaries, the animation, and what changes along its runs."""

from pathlib import Path

import click
import pandas as pd

from badminima.cli import INPUT_FILE, OUTPUT_FILE, drawing_options, one_line_errors, settings_option
from badminima.experiment.settings import ToyFigureSettings
from badminima.report.figures import write_drawing
from badminima.toy.data import read_networks
from badminima.toy.figure import animate_toy, draw_toy, draw_toy_mechanism


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command(help="The figure: PDF, PNG, SVG and the CSV of what it shows.")
@click.option("--networks", type=INPUT_FILE, required=True, help="The experiment's networks.")
@click.option("--table", type=INPUT_FILE, required=True, help="The experiment's table.")
@settings_option(ToyFigureSettings)
@drawing_options
@one_line_errors
def figure(
    networks: Path, table: Path, settings: ToyFigureSettings, pdf: Path, png: Path, svg: Path, csv: Path
) -> None:
    write_drawing(draw_toy(read_networks(networks), pd.read_csv(table), settings), pdf, png, svg, csv)


@main.command(help="The animation: GIF.")
@click.option("--networks", type=INPUT_FILE, required=True, help="The experiment's networks.")
@click.option("--gif", type=OUTPUT_FILE, required=True, help="Output: the animation.")
@one_line_errors
def animation(networks: Path, gif: Path) -> None:
    animate_toy(read_networks(networks), gif)


@main.command(help="What changes along the runs: PDF, PNG, SVG and the CSV of what it shows.")
@click.option("--table", type=INPUT_FILE, required=True, help="The experiment's table.")
@click.option("--paths", type=INPUT_FILE, required=True, help="What was measured along its runs.")
@settings_option(ToyFigureSettings)
@drawing_options
@one_line_errors
def mechanism(
    table: Path, paths: Path, settings: ToyFigureSettings, pdf: Path, png: Path, svg: Path, csv: Path
) -> None:
    write_drawing(draw_toy_mechanism(pd.read_csv(table), pd.read_csv(paths), settings), pdf, png, svg, csv)


if __name__ == "__main__":
    main()

"""Draw one figure from a study's tables."""

from pathlib import Path

import click

from badminima.analysis.tables import read_study
from badminima.cli import FOLDER, drawing_options, one_line_errors, settings_option
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import draw_figure, write_drawing


@click.command(help=__doc__)
@click.option("--tables", type=FOLDER, required=True, help="Folder of the study's tables.")
@settings_option(FigureSettings)
@drawing_options
@one_line_errors
def main(tables: Path, settings: FigureSettings, pdf: Path, png: Path, svg: Path, csv: Path) -> None:
    write_drawing(draw_figure(read_study(tables), settings), pdf, png, svg, csv)


if __name__ == "__main__":
    main()

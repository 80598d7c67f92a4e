"""Measure the end point of a run."""

from pathlib import Path

import click

from badminima.cli import INPUT_FILE, OUTPUT_FILE, one_line_errors
from badminima.diagnostics import Context, diagnose
from badminima.files import write_json
from badminima.models.weights import read_weights
from badminima.registry import DIAGNOSTICS


@click.command(help=__doc__)
@click.option("--start", type=INPUT_FILE, required=True, help="Weights the run started from.")
@click.option("--weights", type=INPUT_FILE, required=True, help="Weights the run ended at.")
@click.option("--only", multiple=True, type=click.Choice(DIAGNOSTICS.names), help="Measurement; repeat. Default: all.")
@click.option("--diagnostics", type=OUTPUT_FILE, required=True, help="Output: the measurements (JSON).")
@one_line_errors
def main(start: Path, weights: Path, only: tuple[str, ...], diagnostics: Path) -> None:
    names = list(only) or DIAGNOSTICS.names
    measured = diagnose(Context(read_weights(start), read_weights(weights)), names)
    write_json(diagnostics, {"measurements": names, "values": measured})


if __name__ == "__main__":
    main()

"""Draw random initial weights."""

from pathlib import Path

import click

from badminima.cli import INPUT_FILE, OUTPUT_FILE, one_line_errors, settings_option
from badminima.data.prepared import read_prepared
from badminima.experiment.settings import InitializeSettings
from badminima.models.starts import initialize
from badminima.models.weights import write_weights


@click.command(help=__doc__)
@click.option("--prepared", type=INPUT_FILE, required=True, help="The prepared dataset.")
@settings_option(InitializeSettings)
@click.option("--weights", type=OUTPUT_FILE, required=True, help="Output: the weights (safetensors).")
@one_line_errors
def main(prepared: Path, settings: InitializeSettings, weights: Path) -> None:
    write_weights(weights, initialize(settings, read_prepared(prepared)))


if __name__ == "__main__":
    main()

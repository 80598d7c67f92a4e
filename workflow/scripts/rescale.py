"""Give weights the scale of others: their norms, their spread of logits, or both."""

from pathlib import Path

import click

from badminima.cli import INPUT_FILE, OUTPUT_FILE, one_line_errors, settings_option, threads_option
from badminima.data.prepared import read_prepared
from badminima.experiment.settings import RescaleSettings
from badminima.models.starts import rescale
from badminima.models.weights import read_weights, write_weights
from badminima.training.numerics import begin_job


@click.command(help=__doc__)
@click.option("--prepared", type=INPUT_FILE, required=True, help="The prepared dataset.")
@click.option("--start", type=INPUT_FILE, required=True, help="Weights whose directions are kept.")
@click.option("--like", type=INPUT_FILE, required=True, help="Weights whose scale is taken.")
@settings_option(RescaleSettings)
@threads_option
@click.option("--weights", type=OUTPUT_FILE, required=True, help="Output: the weights (safetensors).")
@one_line_errors
def main(prepared: Path, start: Path, like: Path, settings: RescaleSettings, threads: int, weights: Path) -> None:
    begin_job("cpu", 0, threads)
    made = rescale(settings, read_weights(start), read_weights(like), read_prepared(prepared, "pt"))
    write_weights(weights, made)


if __name__ == "__main__":
    main()

"""Train a network on a confusing set until it fits it: the adversarial initialization."""

from pathlib import Path

import click
import torch

from badminima.cli import FOLDER, INPUT_FILE, one_line_errors, settings_option
from badminima.data.prepared import read_prepared
from badminima.models.weights import read_weights
from badminima.runs import TrainSettings
from badminima.training.progress import show_rows
from badminima.training.stage import read_confusing, run_training, write_run


@click.command(help=__doc__)
@click.option("--prepared", type=INPUT_FILE, required=True, help="The prepared dataset.")
@click.option("--confusing", type=INPUT_FILE, required=True, help="The confusing set.")
@click.option("--start", type=INPUT_FILE, required=True, help="The random weights to start from.")
@settings_option(TrainSettings)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads.")
@click.option("--output", type=FOLDER, required=True, help="Output folder: weights, history, predictions, run.json.")
@one_line_errors
def main(prepared: Path, confusing: Path, start: Path, settings: TrainSettings, threads: int, output: Path) -> None:
    torch.set_num_threads(threads)
    dataset = read_prepared(prepared, "pt")
    with show_rows(settings) as report:
        run = run_training(settings, dataset, read_weights(start), start, read_confusing(confusing), report)
    write_run(output, run)
    click.echo(f"{run.outcome.status} after {run.outcome.epochs} epochs: {output}")


if __name__ == "__main__":
    main()

"""Train a network on a confusing set until it fits it, or for given epochs: the adversarial initialization."""

from pathlib import Path

import click

from badminima.cli import FOLDER, INPUT_FILE, gpus_option, one_line_errors, settings_option, threads_option
from badminima.diagnostics.diagnose import Inputs, measure_along
from badminima.errors import UserError
from badminima.experiment.settings import TrainSettings
from badminima.storage.files import read_json
from badminima.training.job import train, with_epochs
from badminima.training.numerics import begin_job


@click.command(help=__doc__)
@click.option("--prepared", type=INPUT_FILE, required=True, help="The prepared dataset.")
@click.option("--confusing", type=INPUT_FILE, required=True, help="The confusing set.")
@click.option("--start", type=INPUT_FILE, required=True, help="The random weights to start from.")
@click.option("--ends", type=INPUT_FILE, help="The run.json of another pretraining, to train as many epochs as it.")
@settings_option(TrainSettings)
@threads_option
@gpus_option
@click.option("--restart-seconds", type=click.FloatRange(min=0), default=300, help="Time between restart points.")
@click.option("--output", type=FOLDER, required=True, help="Output folder: weights, history, predictions, run.json.")
@one_line_errors
def main(
    prepared: Path,
    confusing: Path,
    start: Path,
    ends: Path | None,
    settings: TrainSettings,
    threads: int,
    gpus: int,
    restart_seconds: float,
    output: Path,
) -> None:
    if (ends is None) != (settings.epochs_like is None):
        raise UserError("--ends", ends, f"expected the run.json of {settings.epochs_like or 'no pretraining'}")
    if ends is not None:
        settings = with_epochs(settings, read_json(ends)["epochs"])
    begin_job(settings.device, gpus, threads, settings.numerics)
    measure = measure_along(settings, Inputs(start, start, prepared, confusing, random=start))
    train(settings, prepared, start, output, restart_seconds, confusing, measure)


if __name__ == "__main__":
    main()

"""Train a network on the true labels, from given weights."""

from pathlib import Path

import click

from badminima.cli import FOLDER, INPUT_FILE, gpus_option, one_line_errors, settings_option, threads_option
from badminima.diagnostics.diagnose import Inputs, measure_along
from badminima.experiment.settings import TrainSettings
from badminima.training.job import train
from badminima.training.numerics import begin_job


@click.command(help=__doc__)
@click.option("--prepared", type=INPUT_FILE, required=True, help="The prepared dataset.")
@click.option("--start", type=INPUT_FILE, required=True, help="The weights to start from.")
@click.option("--confusing", type=INPUT_FILE, help="The confusing set behind the start, to measure with.")
@click.option("--random", type=INPUT_FILE, help="The random weights behind the start, to measure with.")
@settings_option(TrainSettings)
@threads_option
@gpus_option
@click.option("--restart-seconds", type=click.FloatRange(min=0), default=300, help="Time between restart points.")
@click.option("--output", type=FOLDER, required=True, help="Output folder: weights, history, predictions, run.json.")
@one_line_errors
def main(
    prepared: Path,
    start: Path,
    confusing: Path | None,
    random: Path | None,
    settings: TrainSettings,
    threads: int,
    gpus: int,
    restart_seconds: float,
    output: Path,
) -> None:
    begin_job(settings.device, gpus, threads, settings.numerics)
    measure = measure_along(settings, Inputs(start, start, prepared, confusing, random))
    train(settings, prepared, start, output, restart_seconds, measure=measure)


if __name__ == "__main__":
    main()

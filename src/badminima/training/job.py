"""A training as a job: with restart points, signals, and files at the end."""

from pathlib import Path

import click

from badminima.data.confusing import read_confusing
from badminima.data.prepared import read_prepared
from badminima.experiment.records import Coordinates, origin
from badminima.experiment.settings import TrainSettings
from badminima.models.weights import read_weights
from badminima.training.hooks import Hooks, Measure
from badminima.training.interruption import watch_signals
from badminima.training.progress import show_rows
from badminima.training.restart import RestartPoints
from badminima.training.stage import identity, run_training, write_run


def train(
    settings: TrainSettings,
    prepared: Path,
    start: Path,
    output: Path,
    restart_seconds: float,
    confusing: Path | None = None,
    measure: Measure | None = None,
) -> None:
    """Train to the end and write the run; or, asked to stop, leave a restart point.

    Args:
        settings: everything the result depends on beside the files.
        prepared: the prepared dataset.
        start: the weights to start from.
        output: the run's folder; restart points lie in it until the run is written.
        restart_seconds: time between restart points.
        confusing: the confusing set to fit in place of the true labels.
        measure: called with the weights at every evaluated epoch; what it gives is columns of the history.

    Raises:
        Interrupted: if a signal asked it to stop; a restart point is written.
        UserError: if a file is not what it should be, or another process trains this run.
        OSError: if the disk refuses.
    """
    dataset, weights = read_prepared(prepared, "pt", verify=True), read_weights(start)
    wrong_labels = None if confusing is None else read_confusing(confusing)
    made_from = origin(prepared, start, confusing, Coordinates.model_validate(settings.model_dump()).run)
    points_of = identity(settings, made_from)
    with watch_signals() as interruption, RestartPoints(output, points_of, restart_seconds) as points:
        with show_rows(settings) as report:
            hooks = Hooks(report, measure, points, interruption)
            run = run_training(settings, dataset, weights, start, wrong_labels, hooks)
        write_run(output, run, made_from)
        points.remove()
    click.echo(f"{run.outcome.status} after {run.outcome.epochs} epochs: {output}")

"""Train a network on the true labels, from given weights.

Args:
    start: the weights to start from.
    confusing: the confusing set behind the start, to measure with.
    random: the random weights behind the start, to measure with.
    output: output folder: weights, history, predictions, run.json.
"""

from badminima.cli import Count, Folder, Gpus, Input, Seconds, command
from badminima.diagnostics.diagnose import Inputs, measure_along
from badminima.experiment.settings import TrainSettings
from badminima.models.numerics import begin_job
from badminima.training import job


@command
def train(
    prepared: Input,
    start: Input,
    settings: TrainSettings,
    output: Folder,
    confusing: Input | None = None,
    random: Input | None = None,
    threads: Count = 1,
    gpus: Gpus = 0,
    restart_seconds: Seconds = 300.0,
) -> None:
    begin_job(settings.device, gpus, threads, settings.numerics)
    measure = measure_along(settings, Inputs(start, start, prepared, confusing, random))
    job.train(settings, prepared, start, output, restart_seconds, measure=measure)

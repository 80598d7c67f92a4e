"""Train a network on a confusing set until it fits it, or for given epochs: the adversarial initialization.

Args:
    confusing: the confusing set.
    start: the random weights to start from.
    ends: the run.json of another pretraining, to train as many epochs as it.
    output: output folder: weights, history, predictions, run.json.
"""

from badminima.cli import Count, Folder, Gpus, Input, Seconds, command
from badminima.diagnostics.diagnose import Inputs, measure_along
from badminima.errors import UserError
from badminima.experiment.settings import TrainSettings
from badminima.models.numerics import begin_job
from badminima.storage.files import read_json
from badminima.training.job import train, with_epochs


@command
def pretrain(
    prepared: Input,
    confusing: Input,
    start: Input,
    settings: TrainSettings,
    output: Folder,
    ends: Input | None = None,
    threads: Count = 1,
    gpus: Gpus = 0,
    restart_seconds: Seconds = 300.0,
) -> None:
    if (ends is None) != (settings.epochs_like is None):
        raise UserError("--ends", ends, f"expected the run.json of {settings.epochs_like or 'no pretraining'}")
    if ends is not None:
        settings = with_epochs(settings, read_json(ends)["epochs"])
    begin_job(settings.device, gpus, threads, settings.numerics)
    measure = measure_along(settings, Inputs(start, start, prepared, confusing, random=start))
    train(settings, prepared, start, output, restart_seconds, confusing, measure)

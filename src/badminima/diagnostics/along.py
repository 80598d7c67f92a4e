"""Measurements along the path of a training: made of its weights at every evaluated epoch, without a trace in it."""

import sys
from dataclasses import replace

from badminima.diagnostics.diagnose import diagnose
from badminima.diagnostics.inputs import Inputs, read_files
from badminima.experiment.measured import is_of_tensor
from badminima.experiment.records import record_beside
from badminima.experiment.settings import DiagnoseSettings, TrainSettings
from badminima.models.weights import Weights
from badminima.training.hooks import Measure
from badminima.training.numerics import kept


def measure_along(settings: TrainSettings, inputs: Inputs) -> Measure | None:
    """Return the function that a training calls with its weights, to measure them along its path.

    A measurement that is skipped or fails gives no number, and one line on stderr for each reason: a training must
    not end because of it, and its log not drown. Random draws and images are those of the measurements at the end of
    a run (:class:`badminima.diagnostics.context.Context`), the same at every epoch.

    Args:
        settings: of the training.
        inputs: its files; the weights that it starts from stand for those that it has reached.

    Returns:
        None if nothing is to be measured.

    Raises:
        UserError: if a file is missing or damaged, or does not stand behind the start.
    """
    along = settings.along
    if along is None:
        return None
    shared = ("dataset", "model_name", "init", "recipe_name", "seed", "root_seed", "model", "device")
    if settings.phase == "train":
        _require_behind(inputs)
    start = read_files(
        DiagnoseSettings(
            **{name: getattr(settings, name) for name in shared},
            measurements=along.measurements,
            images=along.images,
            options=along.options,
        ),
        inputs,
    )
    told: set[str] = set()

    def measure(weights: Weights) -> dict[str, float]:
        with kept():
            measured = diagnose(replace(start, end=weights), along.measurements, tracebacks=False)
        for name, reason in {**measured.skipped, **measured.failed}.items():
            message = f"{name}: not measured along the way ({reason})"
            if message not in told:
                told.add(message)
                print(message, file=sys.stderr, flush=True)
        return {key: value for key, value in measured.values.items() if not is_of_tensor(key)}

    return measure


def _require_behind(inputs: Inputs) -> None:
    """Make sure that a confusing set and random weights stand behind the start, where its record says what does."""
    behind = record_beside(inputs.weights)
    for role, path in (("confusing", inputs.confusing), ("random", inputs.random)):
        if behind is not None and path is not None:
            behind.require(role, path)

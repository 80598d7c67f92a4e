"""Stages ``diagnose`` and ``compare``: make measurements of a run's files, at its end or along its path."""

import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from badminima.config.registry import DIAGNOSTICS
from badminima.data.confusing import read_confusing
from badminima.data.prepared import read_prepared
from badminima.diagnostics.context import Context, Skipped
from badminima.errors import UserError
from badminima.experiment.measured import is_of_tensor
from badminima.experiment.records import record_beside, require_run
from badminima.experiment.runs import Run
from badminima.experiment.settings import DiagnoseSettings, TrainSettings
from badminima.models.numerics import kept
from badminima.models.weights import Weights, read_weights
from badminima.storage.device import choose_device
from badminima.storage.provenance import provenance
from badminima.storage.tensorfiles import stated_digest


@dataclass(frozen=True)
class Measurements:
    """The measurements of a run.

    Attributes:
        values: the numbers by key.
        seconds: what each measurement took.
        skipped: why a measurement does not apply to the run, by its name.
        failed: the error that ended a measurement, by its name.
    """

    values: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def diagnose(context: Context, names: list[str], tracebacks: bool = True) -> Measurements:
    """Make the measurements called ``names``.

    A measurement that fails is recorded with its error, its traceback goes to stderr (unless ``tracebacks`` is
    false), and the others go on.

    Raises:
        UserError: if there is no code for one, or an input is damaged.
    """
    measured = Measurements()
    finite = context.end.is_finite()
    for name in names:
        started = time.perf_counter()
        measure = DIAGNOSTICS.load(name)
        if not finite and DIAGNOSTICS.entry(name).needs_finite:
            measured.skipped[name] = "the run's weights are not finite"
            measured.seconds[name] = 0.0
            continue
        try:
            measured.values.update(measure(context))
        except Skipped as reason:
            measured.skipped[name] = str(reason)
        except UserError:
            raise
        except Exception as error:  # a number that cannot be had must not cost the others
            measured.failed[name] = f"{type(error).__name__}: {' '.join(str(error).split())}"
            if tracebacks:
                traceback.print_exc()
        measured.seconds[name] = time.perf_counter() - started
    return measured


@dataclass(frozen=True)
class Inputs:
    """Files of a run.

    Attributes:
        weights: what it ended at.
        start: what it started from.
        prepared: its dataset.
        confusing: the confusing set behind its start, or None.
        random: the random weights behind its start, or None.
        reference: the weights of another run, or None.
    """

    weights: Path
    start: Path | None = None
    prepared: Path | None = None
    confusing: Path | None = None
    random: Path | None = None
    reference: Path | None = None

    def digests(self) -> dict[str, str | None]:
        """Return the digest of each file; raises UserError if one is missing or damaged."""
        roles = {"dataset" if name == "prepared" else name: path for name, path in vars(self).items()}
        return {role: None if path is None else stated_digest(path) for role, path in roles.items()}


def read_context(settings: DiagnoseSettings, inputs: Inputs) -> Context:
    """Read the files of a run.

    Raises:
        UserError: if a file is missing or damaged, or is not of the run that the record beside the weights names.
    """
    _require_one_run(settings, inputs)
    return read_files(settings, inputs)


def read_files(settings: DiagnoseSettings, inputs: Inputs) -> Context:
    """Read what is given, whatever it belongs to; raises UserError if a file is missing or damaged."""
    end = read_weights(inputs.weights)
    return Context(
        settings,
        start=end if inputs.start is None else read_weights(inputs.start),
        end=end,
        random=None if inputs.random is None else read_weights(inputs.random),
        dataset=None if inputs.prepared is None else read_prepared(inputs.prepared, "pt"),
        confusing=None if inputs.confusing is None else read_confusing(inputs.confusing),
        reference=None if inputs.reference is None else read_weights(inputs.reference),
    )


def _require_one_run(settings: DiagnoseSettings, inputs: Inputs) -> None:
    """Make sure that all files belong to one run; weights without a record beside them belong to none."""
    record = record_beside(inputs.weights)
    if record is None:
        return
    run = Run(settings.dataset, settings.model_name, settings.init, settings.recipe_name, settings.seed)
    require_run(record.path, record.content, run)
    for role, digest in inputs.digests().items():
        if role != "reference" and digest is not None:
            record.require(role, getattr(inputs, "prepared" if role == "dataset" else role), digest)
    reference = None if inputs.reference is None else record_beside(inputs.reference)
    if reference is not None:
        require_run(reference.path, reference.content, replace(run, init=reference.run.init))
        if inputs.prepared is not None:
            reference.require("dataset", inputs.prepared)


def record(settings: DiagnoseSettings, inputs: Inputs, names: list[str], measured: Measurements) -> dict[str, object]:
    """Return what was measured of which files, what was skipped or failed and why, the seconds each took, and where."""
    return {
        "settings": settings.model_dump(mode="json"),
        "made_from": inputs.digests(),
        "measurements": names,
        "values": measured.values,
        "skipped": measured.skipped,
        "failed": measured.failed,
        "seconds": measured.seconds,
        **provenance(choose_device(settings.device)),
    }


def tell_failures(measured: Measurements) -> None:
    """Say on stderr which measurements failed and why, below whatever they said themselves."""
    for name, reason in measured.failed.items():
        print(f"{name}: failed ({reason})", file=sys.stderr, flush=True)


def measure_along(settings: TrainSettings, inputs: Inputs) -> Callable[[Weights], dict[str, float]] | None:
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

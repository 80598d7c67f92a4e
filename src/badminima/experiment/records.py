"""Whether files belong to one run.

``run.json`` holds the coordinates of a run and the digests of what it was made from and of what it left; the files of
measurements hold those of what was measured. Whoever reads a run compares them, so that no file of another run, and
no other dataset, passes for its own. A tensor file states its digest in its head: to compare one costs no reading.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from badminima.config.base import Section, parse, without_defaults
from badminima.config.training import BASELINE_RECIPE
from badminima.errors import UserError
from badminima.experiment.paths import RECORD, WEIGHTS
from badminima.experiment.runs import Run
from badminima.experiment.settings import TrainSettings
from badminima.storage.files import file_sha256, read_json
from badminima.storage.tensorfiles import read_tensors, stated_digest

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Accuracy = Annotated[float, Field(ge=0, le=1)]
# Null: not finite.
Loss = Annotated[float, Field(ge=0)] | None
Natural = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]

# The column of ``landscape.csv`` that has the digest of the weights that a run ended at.
OF_WEIGHTS = "weights_sha256"

# What a file is, if it is not the one that was expected.
OTHER = {
    "weights": "other weights",
    "start": "other start weights",
    "random": "other random weights",
    "reference": "other weights to compare with",
    "dataset": "another dataset",
    "confusing": "another confusing set",
    "predictions": "other predictions",
    "history": "another history",
}


class MadeFrom(Section):
    """The digests of the files that a run was made from.

    ``confusing`` and ``random`` are the confusing set and the random weights behind its start; null where there are
    none.
    """

    dataset: Digest
    start: Digest
    confusing: Digest | None = None
    random: Digest | None = None


class Left(Section):
    """The digests of the files that a run left."""

    weights: Digest
    predictions: Digest
    history: Digest


class Measured(Section):
    """The digests of the files that a measurement was made from; null: not given to it."""

    weights: Digest
    start: Digest | None = None
    dataset: Digest | None = None
    confusing: Digest | None = None
    random: Digest | None = None
    reference: Digest | None = None


class _Part(BaseModel):
    """The part of a file that is looked at; the rest of it is free."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)


class Coordinates(_Part):
    """The coordinates of a run, as settings have them."""

    dataset: str
    model_name: str
    init: str
    recipe_name: str
    seed: int

    @property
    def run(self) -> Run:
        """Return the run that they name."""
        return Run(self.dataset, self.model_name, self.init, self.recipe_name, self.seed)


class Final(_Part):
    """The last evaluation of a run."""

    epoch: Natural
    train_loss: Loss
    train_accuracy: Accuracy
    train_accuracy_augmented: Accuracy
    test_loss: Loss
    test_accuracy: Accuracy


class Facts(_Part):
    """The confusing set that a pretraining was made to fit."""

    replication: Count
    noise: Accuracy
    zeroing: str
    label_fraction: Accuracy = 1.0
    conflicting_copies: Natural
    reachable_accuracy: Accuracy


class Record(_Part):
    """The part of ``run.json`` that is checked."""

    settings: Coordinates
    status: Literal["converged", "max_epochs", "diverged"]
    epochs: Natural
    evaluated_on: Literal["test", "validation"]
    train_items: Count
    test_items: Count
    final: Final
    device: str
    revision: str | None
    confusing: Facts | None = None
    made_from: MadeFrom
    left: Left


class Measurements(_Part):
    """The part of ``diagnostics.json`` and ``comparison.json`` that is checked."""

    settings: Coordinates
    values: dict[str, int | float | None]
    skipped: dict[str, str]
    failed: dict[str, str]
    seconds: dict[str, Annotated[float, Field(ge=0)]]
    device: str
    made_from: Measured


@dataclass(frozen=True)
class RunRecord:
    """The record of a run.

    Attributes:
        path: its file.
        content: all of it.
        stated: the part that is looked at.
    """

    path: Path
    content: dict[str, Any]
    stated: Record

    def require(self, role: str, file: Path, digest: str | None = None) -> None:
        """Make sure that a file is the one that this run left or was made from.

        Args:
            role: ``weights``, ``predictions`` or ``history``, which it left; ``dataset``, ``start``, ``confusing`` or
                ``random``, which it was made from.
            file: the file.
            digest: its digest, where it is known already.

        Raises:
            UserError: if it is another one, or the run was made from none.
        """
        left, made_from = self.stated.left.model_dump(), self.stated.made_from.model_dump()
        require_same(role, file, digest or digest_of(file), {**left, **made_from}[role], self.path)

    def require_settings(self, file: Path) -> None:
        """Make sure that the run was trained with the settings in a file; raises UserError if not."""
        own = parse(TrainSettings, self.content["settings"], where=f"{self.path}: settings.")
        found, expected = json.loads(json.dumps(without_defaults(own))), read_json(file)
        if own.epochs_like is not None:
            # It trained as many epochs as another pretraining; the config has the most that they may be.
            for one in (found, expected):
                one["optimization"].pop("epochs", None)
        if found != expected:
            key, value, wanted = _first_difference(found, expected)
            raise UserError(
                self.path,
                f"a run with {key} {value!r}, where the config gives {wanted!r} (None: the default)",
                "delete its folder and start Snakemake again",
            )

    def require_measured(self, path: Path, measured: Measurements) -> None:
        """Make sure that measurements are of this run; raises UserError if they are of another."""
        require_run(path, measured.settings, self.stated.settings.run)
        known = {"weights": self.stated.left.weights, **self.stated.made_from.model_dump()}
        for role, digest in measured.made_from.model_dump(exclude={"reference"}, exclude_none=True).items():
            if digest != known[role]:
                raise _not_together(path, f"measurements of {OTHER[role]}", digest, known[role], self.path)

    def correct(self, path: Path) -> Any:
        """Read the predictions of this run.

        Args:
            path: their file.

        Returns:
            Which test images it gets right, ``[n] bool``.

        Raises:
            UserError: if the file is missing, damaged or another run's, or its accuracy is not that of the record.
        """
        tensors, _ = read_tensors(path, verify=True)
        self.require("predictions", path)
        predicted, labels = tensors.get("predicted"), tensors.get("labels")
        shape = (self.stated.test_items,)
        if predicted is None or labels is None or not predicted.shape == labels.shape == shape:
            raise UserError(path, "no predictions of its test items", f"expected {shape[0]}, as in {self.path}")
        correct = predicted == labels
        accuracy = int(correct.sum()) / shape[0]
        if accuracy != self.stated.final.test_accuracy:
            raise UserError(
                path,
                f"predictions of accuracy {accuracy:.6g}, where {self.path} says {self.stated.final.test_accuracy:.6g}",
                "the two don't belong together: put back the run's own file, or run its stage again",
            )
        return correct


def origin(prepared: Path, start: Path, confusing: Path | None = None, run: Run | None = None) -> MadeFrom:
    """Return what a training is made from, before it begins.

    Args:
        prepared: the prepared dataset.
        start: the weights that it starts from; what stands behind them is in the record beside them, if they have one.
        confusing: the confusing set that it is to fit: it is a pretraining then.
        run: the run that is to be made, whose start has to be of the same dataset, model and seed.

    Raises:
        UserError: if a file states no digest, or the start is not what its record says, or another run's.
    """
    dataset, begin = stated_digest(prepared), stated_digest(start)
    behind = record_beside(start) if confusing is None else None
    if run is not None:
        _require_start(start, behind, run, is_pretraining=confusing is not None)
    if confusing is not None:
        return MadeFrom(dataset=dataset, start=begin, confusing=stated_digest(confusing), random=begin)
    if behind is None:
        return MadeFrom(dataset=dataset, start=begin)
    behind.require("dataset", prepared, dataset)
    further = behind.stated.made_from
    return MadeFrom(dataset=dataset, start=begin, confusing=further.confusing, random=further.random)


def _require_start(start: Path, behind: RunRecord | None, run: Run, is_pretraining: bool) -> None:
    """Make sure that a run may start from some weights; raises UserError if they are another run's start.

    Args:
        start: the weights.
        behind: the record beside them. Drawn weights have none: then their place says what they are, if they lie where
            the pipeline puts them.
        run: the run.
        is_pretraining: whether it is one: it starts from drawn weights of another init, which only the config names.
    """
    if behind is not None:
        # A pretraining makes the start of its own init. Which run an init of kind ``run`` ends, only the config says.
        found = behind.stated.settings.run
        init = found.init if behind.stated.confusing is None else run.init
        require_run(behind.path, behind.stated.settings, replace(run, init=init, recipe=found.recipe))
        return
    folder, dataset, model, init, seed, name = (*("",) * 6, *start.absolute().parts)[-6:]
    place = (dataset, model, run.init if is_pretraining else init, seed)
    if (folder, name) == ("inits", WEIGHTS) and place != (run.dataset, run.model, run.init, f"seed{run.seed}"):
        raise UserError(start, "the start of other runs", f"expected the start of {name_of(run)}")


def read_record(path: Path, run: Run | None = None) -> RunRecord:
    """Read the record of a run.

    Args:
        path: ``run.json``.
        run: the run that its folder is named after; the recipe of a pretraining is the baseline's.

    Raises:
        UserError: if the file is missing or damaged, says what cannot be, or is another run's.
    """
    content = read_json(path)
    stated = parse(Record, content, where=f"{path}: ")
    if run is not None:
        require_run(path, stated.settings, run)
    return RunRecord(path, content, stated)


def read_pretraining(path: Path, run: Run) -> RunRecord:
    """Read the record of a pretraining; raises UserError like ``read_record``, or if it had no confusing set."""
    record = read_record(path, replace(run, recipe=BASELINE_RECIPE))
    if record.stated.confusing is None:
        raise UserError(path, "a training without a confusing set", "expected a pretraining: run pretrain again")
    return record


def record_beside(weights: Path) -> RunRecord | None:
    """Return the record beside weights, and make sure that they are the ones that it names; None if there is none.

    Raises:
        UserError: if it is damaged or another run's.
    """
    path = weights.with_name(RECORD)
    if not path.exists():
        return None
    record = read_record(path)
    record.require("weights", weights)
    return record


def read_measurements(path: Path, record: RunRecord) -> Measurements:
    """Read measurements of a run; raises UserError if the file is missing, damaged or of another run."""
    measured = parse(Measurements, read_json(path), where=f"{path}: ")
    record.require_measured(path, measured)
    return measured


def require_run(path: Path, found: Coordinates, expected: Run) -> None:
    """Make sure that a file has the coordinates of a run; raises UserError if not."""
    expected = replace(expected, seed=int(expected.seed))
    if found.run != expected:
        raise UserError(
            path, f"a file of {name_of(found.run)}", f"expected one of {name_of(expected)}: put back its own files"
        )


def require_same(role: str, file: Path, digest: str, stated: str | None, where: Path) -> None:
    """Make sure that a file has the digest that is stated of it.

    Raises:
        UserError: if not; it names both files.
    """
    if digest != stated:
        raise _not_together(file, OTHER[role], digest, stated, where)


def digest_of(path: Path) -> str:
    """Return the digest of a file: the one that a tensor file states, of another its SHA-256."""
    return stated_digest(path) if path.suffix == ".safetensors" else file_sha256(path)


def name_of(run: Run) -> str:
    """Name a run, as its folder does."""
    return f"{run.dataset}/{run.model}/{run.init}/{run.recipe}/seed{run.seed}"


def _first_difference(found: dict[str, Any], expected: dict[str, Any], where: str = "") -> tuple[str, Any, Any]:
    """Return the key of the first value that differs, and both values."""
    key = next(key for key in [*found, *expected] if found.get(key) != expected.get(key))
    one, other = found.get(key), expected.get(key)
    if isinstance(one, dict) and isinstance(other, dict):
        return _first_difference(one, other, f"{where}{key}.")
    return f"{where}{key}", one, other


def _not_together(file: Path, found: str, digest: str, stated: str | None, where: Path) -> UserError:
    """Return the error that names two files that don't belong together."""
    expected = "names none" if stated is None else f"names {stated[:8]}"
    return UserError(
        file,
        f"{found} ({digest[:8]}), where {where} {expected}",
        "the two don't belong together: put back the run's own file, or run its stage again",
    )

"""Whether files belong to one run.

``run.json`` holds the coordinates of a run and the digests of what it was made from and of what it left; the files of
measurements hold those of what was measured. Whoever reads a run compares them, so that no file of another run, and
no other dataset, passes for its own. A tensor file states its digest in its head: to compare one costs no reading.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from badminima.config.base import parse, without_defaults
from badminima.errors import UserError
from badminima.experiment.paths import RECORD
from badminima.experiment.runs import Run
from badminima.experiment.settings import TrainSettings
from badminima.storage.files import file_sha256, read_json
from badminima.storage.tensorfiles import read_tensors, stated_digest

# The column of ``landscape.csv`` that has the digest of the weights that a run ended at.
OF_WEIGHTS = "weights_sha256"
ROLES = {"start": "start weights", "random": "random weights", "confusing": "confusing set"}


@dataclass(frozen=True)
class RunRecord:
    """The record of a run.

    Attributes:
        path: its file, ``run.json``.
        content: all of it.
    """

    path: Path
    content: dict[str, Any]

    @property
    def run(self) -> Run:
        """The run that it is of; the recipe of a pretraining is the baseline's."""
        return run_of(self.content)

    @property
    def digests(self) -> dict[str, str | None]:
        """The digests of the files that the run left and was made from, by role; None: made without one."""
        return {**self.content["left"], **self.content["made_from"]}

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
        require_same(role, file, digest or digest_of(file), self.digests[role], self.path)

    def require_settings(self, file: Path) -> None:
        """Make sure that the run was trained with the settings in a file; raises UserError if not."""
        own = parse(TrainSettings, self.content["settings"], where=f"{self.path}: settings.")
        found, expected = json.loads(json.dumps(without_defaults(own))), read_json(file)
        if own.epochs_like is not None:
            # It trained as many epochs as another pretraining; the config has the most that they may be.
            for one in (found, expected):
                one["optimization"].pop("epochs", None)
        if different := differences(expected, found):
            problem = f"a run with other settings than the config's ({'; '.join(different)}; None: the default)"
            raise UserError(self.path, problem, "delete its folder and start Snakemake again")

    def correct(self, path: Path) -> Any:
        """Return which test images the run gets right by its predictions in a file, ``[n] bool``.

        Raises:
            UserError: if the file is missing, damaged or another run's.
        """
        tensors, _ = read_tensors(path, verify=True)
        self.require("predictions", path)
        return tensors["predicted"] == tensors["labels"]


def origin(prepared: Path, start: Path, confusing: Path | None = None) -> dict[str, str | None]:
    """Return the digests of what a training is made from, by role, before it begins.

    ``confusing`` and ``random`` are the confusing set and the random weights behind its start; None: there are none.

    Args:
        prepared: the prepared dataset.
        start: the weights that it starts from; what stands behind them is in the record beside them, if they have one.
        confusing: the confusing set that it is to fit: it is a pretraining then.

    Raises:
        UserError: if a file states no digest, or the start is not what its record says.
    """
    made_from: dict[str, str | None] = {"dataset": stated_digest(prepared), "start": stated_digest(start)}
    if confusing is not None:
        return {**made_from, "confusing": stated_digest(confusing), "random": made_from["start"]}
    behind = record_beside(start)
    if behind is None:
        return {**made_from, "confusing": None, "random": None}
    behind.require("dataset", prepared)
    return {**made_from, "confusing": behind.digests["confusing"], "random": behind.digests["random"]}


def read_record(path: Path, run: Run | None = None) -> RunRecord:
    """Read the record of a run.

    Args:
        path: ``run.json``.
        run: the run that its folder is named after; the recipe of a pretraining is the baseline's.

    Raises:
        UserError: if the file is missing or damaged, or is another run's.
    """
    record = RunRecord(path, read_json(path))
    if run is not None:
        require_run(path, record.content, run)
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


def read_measurements(path: Path, record: RunRecord) -> dict[str, Any]:
    """Read the measurements of a run; raises UserError if the file is missing, damaged or of another run."""
    content = read_json(path)
    require_run(path, content, record.run)
    for role, digest in content["made_from"].items():
        if role != "reference" and digest is not None:
            require_same(role, path, digest, record.digests[role], record.path)
    return content


def run_of(content: Mapping[str, Any]) -> Run:
    """Return the run that the settings in a file name."""
    return Run(*(content["settings"][name] for name in ("dataset", "model_name", "init", "recipe_name", "seed")))


def require_run(path: Path, content: Mapping[str, Any], expected: Run) -> None:
    """Make sure that a file has the coordinates of a run; raises UserError if not."""
    found, expected = run_of(content), replace(expected, seed=int(expected.seed))
    if found != expected:
        raise UserError(
            path, f"a file of {name_of(found)}", f"expected one of {name_of(expected)}: put back its own files"
        )


def require_same(role: str, file: Path, digest: str, stated: str | None, where: Path) -> None:
    """Make sure that a file, or what it was made from, has the digest that is stated; raises UserError if not."""
    if digest != stated:
        raise UserError(
            file,
            f"not the {ROLES.get(role, role)} ({digest[:8]}) that {where} names ({stated and stated[:8]})",
            "the two don't belong together: put back the run's own file, or run its stage again",
        )


def digest_of(path: Path) -> str:
    """Return the digest of a file: the one that a tensor file states, of another its SHA-256."""
    return stated_digest(path) if path.suffix == ".safetensors" else file_sha256(path)


def name_of(run: Run) -> str:
    """Name a run, as its folder does."""
    return f"{run.dataset}/{run.model}/{run.init}/{run.recipe}/seed{run.seed}"


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any], prefix: str = "") -> list[str]:
    """List the differences of two nested mappings, as ``key: found instead of wanted``."""
    different = []
    for key in sorted({*wanted, *found}):
        one, other = wanted.get(key), found.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            different += differences(one, other, f"{prefix}{key}.")
        elif one != other:
            different.append(f"{prefix}{key}: {other} instead of {one}")
    return different

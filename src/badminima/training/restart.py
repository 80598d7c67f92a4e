"""Restart points: the state of an unfinished training on disk, so that no failure costs more than one interval.

They lie in ``restart/`` in the run's folder, which no rule declares as output, so Snakemake leaves them alone when a
job fails. There are two: a new one is written under a temporary name, flushed, and renamed only when it is whole; the
one before it is kept until then and after. Each begins with a digest of its content.
"""

import io
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from badminima.errors import UserError
from badminima.experiment.paths import RUN_FILES
from badminima.storage.files import atomic_path, remove_leftovers

MAGIC = b"badminima restart point 1\n"
# SLURM may start a job again on another node before the first one knows that it was given up.
REQUEUE_SECONDS = 120.0
NEXT, NEWEST, PREVIOUS = "next.pt", "newest.pt", "previous.pt"

# What a look at a state raises that is none: a file may have the right digest and any content.
UNFIT = (ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError)

State = dict[str, Any]


class RestartPoints:
    """The restart points of one run.

    As a context it holds the run's lock: two processes never train the same run.

    Args:
        folder: the run's folder.
        identity: what the training depends on; restart points of another identity are not used.
        seconds: time between two of them.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], seconds: float) -> None:
        self.folder = folder / "restart"
        self.identity = dict(identity)
        self.seconds = seconds
        self._lock = FileLock(self.folder / "lock")
        self._last = time.monotonic()

    def __enter__(self) -> "RestartPoints":
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=REQUEUE_SECONDS if "SLURM_JOB_ID" in os.environ else 0)
        except Timeout:
            raise UserError(
                self.folder.parent, "another process that trains this run", "wait for it, or stop it first"
            ) from None
        points = [self.folder / name for name in (NEXT, NEWEST)]
        for path in [*points, *(self.folder.parent / name for name in RUN_FILES)]:
            remove_leftovers(path)
        return self

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def save(self, state: State) -> None:
        """Write a restart point; the one before it stays until this one is whole.

        Raises:
            OSError: if the disk refuses; the restart points that were there are as they were.
        """
        self._last = time.monotonic()
        content = io.BytesIO()
        torch.save({"identity": self.identity, "state": state}, content)
        payload = content.getvalue()
        newest = self.folder / NEWEST
        with atomic_path(self.folder / NEXT) as temporary, temporary.open("wb") as handle:
            handle.write(MAGIC + sha256(payload).hexdigest().encode() + b"\n")
            handle.write(payload)
        if newest.exists():
            newest.replace(self.folder / PREVIOUS)
        (self.folder / NEXT).replace(newest)
        _flush_folder(self.folder)

    def save_if_due(self, state: Callable[[], State]) -> None:
        """Write a restart point when it is time; a disk that refuses costs this one only."""
        if time.monotonic() - self._last >= self.seconds:
            try:
                self.save(state())
            except OSError as error:
                _say(f"{self.folder}: no restart point could be written ({error.strerror}); training goes on without")

    def load(self, check: Callable[[State], None]) -> State | None:
        """Return the newest restart point that is whole, of this identity and fit; tell why others are not used.

        Args:
            check: raises an error if a state is none that the training could go on from.
        """
        for name in (NEXT, NEWEST, PREVIOUS):
            path = self.folder / name
            if not path.exists():
                continue
            try:
                found = _read(path)
                differences = _differences(self.identity, found["identity"])
                if not differences:
                    check(found["state"])
            except UNFIT as error:
                _say(f"{path}: damaged ({_reason(error)}); not used")
                continue
            if differences:
                _say(f"{path}: of another training ({'; '.join(differences)}); not used")
                continue
            state: State = found["state"]
            _say(f"going on from {path}: epoch {state['epoch']}, step {state['step']['count']}")
            return state
        return None

    def remove(self) -> None:
        """Remove the restart points of a finished run."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _read(path: Path) -> dict[str, Any]:
    """Return a restart point; raises ValueError if it is not whole."""
    content = path.read_bytes()
    head = len(MAGIC) + 65
    if not content.startswith(MAGIC) or len(content) < head:
        raise ValueError("not a restart point")
    payload = content[head:]
    if sha256(payload).hexdigest().encode() != content[len(MAGIC) : head - 1]:
        raise ValueError("its digest does not fit")
    try:
        found: dict[str, Any] = torch.load(io.BytesIO(payload), weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises many kinds on foreign content
        raise ValueError(_reason(error)) from None
    return found


def require_like(found: Any, own: Any, name: str = "state") -> None:
    """Make sure that a part of a restart point has the form of a training's own: keys, lengths, types, shapes.

    Raises:
        ValueError: if it has not; the message names the part.
    """
    if isinstance(own, Tensor):
        fits = isinstance(found, Tensor) and (found.shape, found.dtype) == (own.shape, own.dtype)
    elif isinstance(own, Mapping):
        fits = isinstance(found, Mapping) and found.keys() == own.keys()
    elif isinstance(own, list | tuple):
        fits = isinstance(found, list | tuple) and len(found) == len(own)
    elif isinstance(own, int):
        fits = type(found) is type(own) and found >= 0
    elif isinstance(own, float):
        fits = isinstance(found, float) and math.isfinite(found) and found >= 0
    else:
        fits = found is None if own is None else isinstance(found, type(own))
    if not fits:
        raise ValueError(f"{name} is not of this training's form")
    if isinstance(own, Mapping | list | tuple):
        for key, part in own.items() if isinstance(own, Mapping) else enumerate(own):
            require_like(found[key], part, f"{name}.{key}")


def _differences(wanted: Mapping[str, Any], found: Mapping[str, Any], prefix: str = "") -> list[str]:
    """List the differences of two nested mappings, as ``key: found instead of wanted``."""
    different = []
    for key in sorted({*wanted, *found}):
        one, other = wanted.get(key), found.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            different += _differences(one, other, f"{prefix}{key}.")
        elif one != other:
            different.append(f"{prefix}{key}: {other} instead of {one}")
    return different


def _flush_folder(folder: Path) -> None:
    """Make renames in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    """Return an error in one line."""
    return f"{'' if isinstance(error, ValueError) else f'{type(error).__name__}: '}{' '.join(str(error).split())}"


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)

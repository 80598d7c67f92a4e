"""Restart points: the state of an unfinished training on disk, so that no failure costs more than one interval.

They lie in ``restart/`` in the run's folder, which no rule declares as output, so Snakemake leaves them alone when a
job fails. There are two: a new one is written under a temporary name, flushed, and renamed only when it is whole; the
one before it is kept until then and after. Each begins with a digest of its content.
"""

import io
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from filelock import FileLock, Timeout

from badminima.errors import UserError
from badminima.experiment.paths import RUN_FILES
from badminima.experiment.records import differences
from badminima.storage.files import atomic_path, remove_leftovers

MAGIC = b"badminima restart point 1\n"

# SLURM may start a job again on another node before the first one knows that it was given up.
REQUEUE_SECONDS = 120.0

NEXT, NEWEST, PREVIOUS = "next.pt", "newest.pt", "previous.pt"


State = dict[str, Any]

# SIGUSR1 is what SLURM can be asked to send before a job's time is up.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)

# Seconds after which a second Ctrl-C ends the process without a restart point.
PATIENCE = 3.0


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
        descriptor = os.open(self.folder, os.O_RDONLY)
        os.fsync(descriptor)  # makes the renames last
        os.close(descriptor)

    def save_if_due(self, state: Callable[[], State]) -> None:
        """Write a restart point when it is time; a disk that refuses costs this one only."""
        if time.monotonic() - self._last >= self.seconds:
            try:
                self.save(state())
            except OSError as error:
                _say(f"{self.folder}: no restart point could be written ({error.strerror}); training goes on without")

    def load(self) -> State | None:
        """Return the newest restart point that is whole and of this identity; say why others are not used."""
        for path in (self.folder / name for name in (NEXT, NEWEST, PREVIOUS)):
            if not path.exists():
                continue
            try:
                found = _read(path)
            except ValueError as error:
                _say(f"{path}: damaged ({error}); not used")
                continue
            if different := differences(self.identity, found["identity"]):
                _say(f"{path}: of another training ({'; '.join(different)}); not used")
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
    head, _, content = path.read_bytes().removeprefix(MAGIC).partition(b"\n")
    if sha256(content).hexdigest().encode() != head:
        raise ValueError("its digest does not fit")
    found: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    return found


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


class Interruption:
    """Remembers the signal that asked for the end.

    Attributes:
        signal_name: its name, or None.
    """

    def __init__(self) -> None:
        self.signal_name: str | None = None
        self._since = 0.0

    def _handle(self, number: int, frame: FrameType | None) -> None:
        # Schedulers deliver a signal more than once; only Ctrl-C again after a while means "at once".
        patience_is_over = self.signal_name == "SIGINT" and time.monotonic() - self._since > PATIENCE
        if number == signal.SIGINT and patience_is_over:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        if self.signal_name is None:
            self.signal_name, self._since = signal.Signals(number).name, time.monotonic()


@contextmanager
def watch_signals() -> Iterator[Interruption]:
    """Catch the signals while the block runs."""
    interruption = Interruption()
    before = {number: signal.signal(number, interruption._handle) for number in SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

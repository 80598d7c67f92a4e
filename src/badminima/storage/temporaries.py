"""Temporary files and folders, beside the targets whose place they take.

A writer holds a lock on what it is writing, which ends with its process however that ends. So a leftover is told from
what another process is writing just now, on this machine or another, and whoever writes the same target next removes
it.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

# In a temporary folder: what its writer holds the lock on.
LOCK = ".lock"


@contextmanager
def temporary_file(target: Path) -> Iterator[Path]:
    """Make an empty file beside a target, locked; it is removed at the end, unless it was renamed."""
    remove_leftovers(target)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    try:
        with _locked(temporary):
            yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def temporary_folder(target: Path) -> Iterator[Path]:
    """Make a folder beside a target; if the block succeeds it takes the target's place, else it is removed.

    Raises:
        OSError: if there is something in the target.
    """
    remove_leftovers(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.mkdir(parents=True)
    try:
        with _locked(temporary / LOCK):
            yield temporary
            (temporary / LOCK).unlink()
            temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers(target: Path) -> None:
    """Remove what killed processes left of a target that they were writing."""
    left = re.compile(rf"\.{re.escape(target.stem)}\.\d+{re.escape(target.suffix)}|\.{re.escape(target.name)}\.\d+")
    for name in _temporaries(target.parent):
        if left.fullmatch(name):
            with suppress(OSError):  # gone already, or not ours to remove
                _remove_unlocked(target.parent / name)


@cache
def _temporaries(folder: Path) -> list[str]:
    """List names in a folder that look like temporaries, as this process first found it: a folder may be large."""
    with suppress(OSError), os.scandir(folder) as entries:
        return [entry.name for entry in entries if re.match(r"\..+\.\d+(\.|$)", entry.name)]
    return []


def _remove_unlocked(path: Path) -> None:
    """Remove a temporary whose writer is dead; raises OSError if it lives."""
    if path.is_dir():
        if (path / LOCK).exists():
            with _lock_of(path / LOCK):
                shutil.rmtree(path)
        else:
            path.rmdir()  # killed before it held a lock
    else:
        with _lock_of(path):
            path.unlink()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Make a new file and hold its lock."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        with suppress(OSError):  # a file system without locks: leftovers stay there
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # One who took it for a leftover may have removed it before it was locked.
        if os.fstat(descriptor).st_nlink:
            break
        os.close(descriptor)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _lock_of(path: Path) -> Iterator[None]:
    """Hold the lock of a file that is there; raises OSError if another process does."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)

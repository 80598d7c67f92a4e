"""Writing results so that a reader sees a whole file or none.

A writer works on a temporary file beside the target, and holds a lock on it, which ends with its process however that
ends. So a leftover is told from what another process is writing just now, on this machine or another, and whoever
writes the same target next removes it.
"""

import csv
import fcntl
import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import file_digest
from os import PathLike
from pathlib import Path
from typing import Any

from badminima.errors import UserError

# Ends the name of a temporary folder, which begins with that of the file that its writer has locked.
FOLDER = ".folder"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; flushed to disk and renamed to it if the block succeeds.

    A failure inside the block removes the temporary file and leaves whatever stood at ``path`` untouched. The path ends
    like the target: writers such as matplotlib choose the format by that.
    """
    try:
        with _temporary_file(path) as temporary:
            yield temporary
            with temporary.open("rb+") as handle:
                os.fsync(handle.fileno())
            temporary.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a failed write names no file
        raise


@contextmanager
def temporary_folder(target: Path) -> Iterator[Path]:
    """Make a folder beside a target; if the block succeeds it takes the target's place, else it is removed.

    Raises:
        OSError: if there is something in the target.
    """
    with _temporary_file(target) as locked:
        temporary = Path(f"{locked}{FOLDER}")
        temporary.mkdir()
        try:
            yield temporary
            temporary.replace(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _temporary_file(target: Path) -> Iterator[Path]:
    """Make an empty file beside a target and hold its lock; it is removed at the end, unless it was renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(target)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    while True:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT, 0o666)
        with suppress(OSError):  # a file system without locks: leftovers stay there
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # One who took it for a leftover may have removed it before it was locked.
        if os.fstat(descriptor).st_nlink:
            break
        os.close(descriptor)
    try:
        yield temporary
    finally:
        os.close(descriptor)
        temporary.unlink(missing_ok=True)


def remove_leftovers(target: Path) -> None:
    """Remove what killed processes left of a target that they were writing."""
    left = re.compile(rf"\.{re.escape(target.stem)}\.\d+{re.escape(target.suffix)}")
    for name in filter(left.fullmatch, _hidden_names(target.parent)):
        with suppress(OSError):  # gone already, still being written, or not ours to remove
            descriptor = os.open(target.with_name(name), os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(target.with_name(name + FOLDER), ignore_errors=True)
                target.with_name(name).unlink()
            finally:
                os.close(descriptor)


@cache
def _hidden_names(folder: Path) -> list[str]:
    """List the hidden names in a folder as this process first found it: a folder may be large."""
    return [name for name in os.listdir(folder) if name.startswith(".")] if folder.is_dir() else []


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a mapping as JSON, atomically; numbers that are not finite become null, as JSON has no NaN."""
    write_text(path, json.dumps(_finite(content), indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raises UserError if the file is missing, damaged or holds something else."""
    try:
        content = json.loads(read_bytes(path))
    except (ValueError, RecursionError):
        raise UserError(path, "damaged JSON", "delete the file and run its stage again") from None
    if not isinstance(content, dict):
        raise UserError(path, f"JSON of type {type(content).__name__}", "expected an object")
    return content


def write_csv(path: Path, columns: list[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV with exactly these columns, atomically; what is missing or NaN is empty, as pandas has it."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({column: "" if value != value else value for column, value in row.items()} for row in rows)


def read_bytes(path: Path) -> bytes:
    """Read a file; raises UserError if it is missing."""
    with readable(path):
        return path.read_bytes()


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn a file that is missing into a UserError."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(path, "no such file", "run the stage that writes it first") from None


def user_path(path: str | PathLike[str]) -> Path:
    """Return a path that a user has given, ``~`` as the home folder that it means."""
    return Path(os.path.expanduser(path))


def file_sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with readable(path), path.open("rb") as handle:
        return file_digest(handle, "sha256").hexdigest()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

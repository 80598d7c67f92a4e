"""Writing results so that a reader sees a whole file or none."""

import csv
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import file_digest
from os import PathLike
from pathlib import Path
from typing import Any

from badminima.errors import UserError
from badminima.storage.temporaries import temporary_file


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; flushed to disk and renamed to it if the block succeeds.

    A failure inside the block removes the temporary file and leaves whatever stood at ``path`` untouched. What a
    killed process left is removed first. The path ends like the target: writers such as matplotlib choose the format
    by that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary_file(path) as temporary:
            yield temporary
            with temporary.open("rb+") as handle:
                os.fsync(handle.fileno())
            temporary.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a failed write names no file
        raise


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
        writer.writerows({column: "" if _is_nan(value) else value for column, value in row.items()} for row in rows)


def read_bytes(path: Path) -> bytes:
    """Read a file; raises UserError if it is missing or may not be read."""
    with readable(path):
        return path.read_bytes()


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what keeps a file from being read into a UserError."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(path, "no such file", "run the stage that writes it first") from None
    except IsADirectoryError:
        raise UserError(path, "a folder", "expected a file") from None
    except PermissionError:
        raise UserError(path, "a file that may not be read", "ask its owner for the right (umask 077?)") from None


def user_path(path: str | PathLike[str]) -> Path:
    """Return a path that a user has given, ``~`` as the home folder that it means."""
    return Path(os.path.expanduser(path))


def file_sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with readable(path), path.open("rb") as handle:
        return file_digest(handle, "sha256").hexdigest()


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

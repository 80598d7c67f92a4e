"""Tar archives: read as they are, or unpacked inside the target folder or not at all, whole or not at all."""

import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from badminima.errors import UserError


@contextmanager
def damage_named(path: Path, kind: str = "archive") -> Iterator[None]:
    """Raise UserError for whatever a decoder raises on the bytes of a damaged file.

    The decoders of the standard library raise more than they document: a gzip header that is cut short ends in a
    TypeError of tarfile. The disk's own troubles (errors with a number) pass as they are.

    Args:
        path: the file, for the message.
        kind: what it is, for the message.
    """
    try:
        yield
    except (UserError, tarfile.FilterError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(
            path, f"a damaged {kind} ({error})", "replace it, or delete it and fetch the dataset again"
        ) from None


def members(archive: Path, contents: bool = True) -> Iterator[tuple[str, bytes]]:
    """Name and content of each plain file in a tar archive, in its order; nothing is unpacked.

    Args:
        archive: the file, compressed or not.
        contents: whether to read them; without, each is empty.

    Raises:
        UserError: if the archive is damaged.
    """
    with damage_named(archive), tarfile.open(archive, "r|*") as stream:
        for member in stream:
            if member.isfile():
                handle = stream.extractfile(member) if contents else None
                yield member.name.removeprefix("./"), handle.read() if handle is not None else b""


def unpack(archive: Path, member: str, target: Path) -> Path:
    """Unpack a tar archive whose digest has been checked.

    Args:
        archive: the file, compressed or not.
        member: the folder in it that is wanted.
        target: the folder that gets a folder called ``member``; one that is there is replaced.

    Returns:
        The unpacked folder.

    Raises:
        UserError: if the archive is damaged, has no such folder, or a member would leave the target.
    """
    target.mkdir(parents=True, exist_ok=True)
    temporary = Path(mkdtemp(prefix=f".{member}.", dir=target))
    try:
        with damage_named(archive), tarfile.open(archive) as content:
            # Python's data filter refuses absolute names, '..', links that lead outside, and devices.
            content.extractall(temporary, filter="data")
        if not (temporary / member).is_dir():
            raise UserError(archive, f"no folder {member}", "expected the published archive")
        if (target / member).exists():
            shutil.rmtree(target / member)
        (temporary / member).rename(target / member)
    except tarfile.FilterError as error:
        raise UserError(archive, f"a member that may not be unpacked ({error})", "delete this archive") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target / member

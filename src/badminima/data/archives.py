"""Unpacking archives from the network: verified first, inside the target folder or not at all, whole or not at all."""

import shutil
import tarfile
import zlib
from pathlib import Path
from tempfile import mkdtemp

from badminima.errors import UserError

DAMAGE = (tarfile.TarError, EOFError, zlib.error, OSError)


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
        with tarfile.open(archive) as content:
            # Python's data filter refuses absolute names, '..', links that lead outside, and devices.
            content.extractall(temporary, filter="data")
        if not (temporary / member).is_dir():
            raise UserError(archive, f"no folder {member}", "expected the published archive")
        if (target / member).exists():
            shutil.rmtree(target / member)
        (temporary / member).rename(target / member)
    except tarfile.FilterError as error:
        raise UserError(archive, f"a member that may not be unpacked ({error})", "delete this archive") from None
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None and not isinstance(error, tarfile.TarError):
            raise
        raise UserError(archive, f"a damaged archive ({error})", "delete it and fetch the dataset again") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target / member

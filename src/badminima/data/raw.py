"""Raw files: stage ``fetch_data``, which images folders and archives hold, and digests that change with them."""

import os
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from badminima.config.registry import IMAGE_ENDINGS, SOURCES
from badminima.errors import UserError
from badminima.storage.files import file_sha256, read_json

# Names that a message lists.
NAMED = 5


def fetch(
    source_name: str, download_dir: Path, local_dir: Path | None = None, mirrors: Sequence[str] = ()
) -> dict[str, Any]:
    """Find or download the raw files of a dataset source.

    Args:
        source_name: name of the source.
        download_dir: where downloads go.
        local_dir: a folder that already holds the files, or an archive of them; nothing is downloaded then.
        mirrors: addresses of folders that hold the published archives, tried first.

    Returns:
        The manifest: source, origin, and the facts of each file or folder by its role.

    Raises:
        UserError: if the files cannot be had or are not the published ones.
    """
    entry = SOURCES.entry(source_name)
    if local_dir is not None and not local_dir.exists():
        raise UserError(local_dir, "no such file or folder", f"expected the files of {source_name}")
    files = SOURCES.load(source_name)().fetch(download_dir, local_dir, mirrors)
    facts = {role: facts_of(path, entry.endings) for role, path in files.items()}
    return {"source": source_name, "origin": entry.origin if local_dir is None else "local", "files": facts}


def verified_files(manifest_path: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the raw files that a manifest names, and their digests.

    Raises:
        UserError: if a file has gone or changed since it was fetched.
    """
    files, digests = {}, {}
    manifest = read_json(manifest_path)
    endings = SOURCES.entry(manifest["source"]).endings
    for role, entry in manifest["files"].items():
        path = Path(entry["path"])
        if not path.exists() or facts_of(path, endings)["sha256"] != entry["sha256"]:
            found = "changed content" if path.exists() else "no such file"
            raise UserError(path, found, f"delete {manifest_path} and fetch the dataset again")
        files[role], digests[role] = path, entry["sha256"]
    return files, digests


def facts_of(path: Path, endings: tuple[str, ...]) -> dict[str, Any]:
    """Return where a file or folder is, its size in bytes, and its SHA-256.

    Args:
        path: the file or folder.
        endings: of the files in a folder, and in folders in it, whose content is read; none: the names and sizes of all
            files in the folder count.
    """
    if path.is_file():
        return {"path": str(path), "bytes": path.stat().st_size, "sha256": file_sha256(path)}
    if endings:
        files = {name: (path / name).stat().st_size for name in list_images(path, endings).images}
        lines = [f"{name}\t{file_sha256(path / name)}\n" for name in files]
    else:
        with os.scandir(path) as entries:
            found = [entry for entry in entries if entry.is_file() and not _is_hidden(entry.name)]
            files = {entry.name: entry.stat().st_size for entry in sorted(found, key=lambda entry: entry.name)}
        lines = [f"{name}\t{size}\n" for name, size in files.items()]
    digest = sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    return {"path": str(path), "files": len(files), "bytes": sum(files.values()), "sha256": digest}


@dataclass(frozen=True)
class Listing:
    """The files of a folder or an archive; links are followed, hidden files left out.

    Attributes:
        images: names of the images, relative to the folder, sorted.
        others: names of files that are no images.
        empty: names of folders with nothing in them.
    """

    images: list[str]
    others: list[str]
    empty: list[str]


def list_images(where: Path, endings: tuple[str, ...] = IMAGE_ENDINGS) -> Listing:
    """List the images in a folder and its subfolders, or in a tar archive.

    Args:
        where: the folder or the archive.
        endings: how the names of images end, in any case of letters.

    Raises:
        UserError: if the archive is damaged, or no tar archive.
    """
    if where.is_file() and is_zipfile(where):
        raise UserError(where, "a zip archive", "unpack it, or pack the images as a tar archive")
    if where.is_dir():
        names = [str(path.relative_to(where)) for path in _walk(where)]
    else:
        names = [name for name, _ in members(where, contents=False) if not any(map(_is_hidden, name.split("/")))]
    images = sorted(name for name in names if name.lower().endswith(endings))
    others = sorted(set(names).difference(images))
    empty = [name for name in others if (where / name).is_dir()]
    return Listing(images, [name for name in others if name not in empty], empty)


def _walk(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield files and empty folders; a link to a folder above is left out."""
    here = folder.resolve()
    if here in above:
        return
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if not _is_hidden(entry.name)]
    if not found:
        yield folder
    for entry in found:
        if entry.is_dir():
            yield from _walk(Path(entry.path), (*above, here))
        else:
            yield Path(entry.path)


def _is_hidden(name: str) -> bool:
    """Tell whether systems leave such a name behind, and no user (``.DS_Store``, ``._x.jpg``, ``__MACOSX``)."""
    return name.startswith(".") or name == "__MACOSX"


def members(archive: Path, contents: bool = True) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each plain file in a tar archive, in its order; nothing is unpacked.

    Args:
        archive: the file, compressed or not.
        contents: whether to read them; without, each is empty.

    Raises:
        UserError: if the archive is damaged.
    """
    with damage_named(archive, "archive"), tarfile.open(archive, "r|*") as stream:
        for member in stream:
            if member.isfile():
                handle = stream.extractfile(member) if contents else None
                yield member.name.removeprefix("./"), handle.read() if handle is not None else b""


@contextmanager
def damage_named(path: Path, kind: str) -> Iterator[None]:
    """Raise UserError for whatever a decoder raises on the bytes of a damaged file: more than it documents.

    Args:
        path: the file, for the message.
        kind: what it is, for the message.
    """
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's own trouble
            raise
        raise UserError(path, f"an unreadable {kind} ({error})", "replace it") from None


def told(what: str, names: Sequence[str]) -> str:
    """Say how many there are of something, and name the first."""
    return f"{what} ({len(names):,}): {some(names)}"


def some(names: Sequence[str]) -> str:
    """Join the first names, and say how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more

"""The image files of a folder or a tar archive: which there are, and what only looks like one."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISFIFO, S_ISREG
from zipfile import is_zipfile

from badminima.config.registry import IMAGE_ENDINGS
from badminima.data.archives import members
from badminima.errors import UserError

# Names that a message lists.
NAMED = 5


@dataclass(frozen=True)
class Listing:
    """The files of a folder or an archive; links are followed, hidden files left out.

    Attributes:
        images: names of the images, relative to the folder, sorted.
        others: names of files that are no images.
        unfit: names of images that are no files, each with what it is.
        empty: names of folders with nothing in them.
    """

    images: list[str]
    others: list[str] = field(default_factory=list)
    unfit: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)


def list_images(where: Path, endings: tuple[str, ...] = IMAGE_ENDINGS) -> Listing:
    """List the images in a folder and its subfolders, or in a tar archive.

    Args:
        where: the folder or the archive.
        endings: how the names of images end, in any case of letters.

    Raises:
        UserError: if the archive is damaged, or no tar archive.
    """
    _refuse_zip(where)
    empty: list[str] = []
    if where.is_dir():
        names = [str(path.relative_to(where)) for path in _walk(where, endings, [], empty)]
    else:
        names = [name for name, _ in members(where, contents=False) if not any(map(is_hidden, name.split("/")))]
    images = sorted(name for name in names if name.lower().endswith(endings))
    unfit = {name: kind for name in images if where.is_dir() and (kind := _kind(where / name)) is not None}
    return Listing(
        [name for name in images if name not in unfit],
        sorted(set(names).difference(images)),
        [f"{name} ({kind})" for name, kind in unfit.items()],
        sorted(str(Path(folder).relative_to(where)) for folder in empty),
    )


def _refuse_zip(where: Path) -> None:
    """Refuse the archives that are no tar archives and that people have."""
    if where.suffix == ".npz":
        raise UserError(where, "a file of arrays", "use the source arrays")
    if where.is_file() and is_zipfile(where):
        raise UserError(where, "a zip archive", "unpack it, or pack the images as a tar archive")


def is_hidden(name: str) -> bool:
    """Tell whether systems leave such a name behind, and no user (``.DS_Store``, ``._x.jpg``, ``__MACOSX``)."""
    return name.startswith(".") or name == "__MACOSX"


def refuse_unfit(where: Path, listings: Mapping[Path, Listing]) -> None:
    """Raise UserError if images are no files: the first names, and how many there are.

    Args:
        where: the folder that they all lie in.
        listings: what is in each of its folders.
    """
    unfit = [str((folder / name).relative_to(where)) for folder, listing in listings.items() for name in listing.unfit]
    if unfit:
        raise UserError(where, told("images that are no files", unfit), "replace or delete them")


def told(what: str, names: Sequence[str]) -> str:
    """Say how many there are of something, and name the first."""
    return f"{what} ({len(names):,}): {some(names)}"


def some(names: Sequence[str]) -> str:
    """Join the first names, and say how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _walk(folder: Path, endings: tuple[str, ...], above: list[tuple[int, int]], empty: list[str]) -> Iterator[Path]:
    """Yield what is no folder, and folders that are called like images; a link to a folder above is left out.

    Args:
        folder: where to begin.
        endings: how the names of images end.
        above: the folders on the way there.
        empty: gets the names of folders with nothing in them.
    """
    facts = folder.stat()
    here = (facts.st_dev, facts.st_ino)
    if here in above:
        return
    with os.scandir(folder) as entries:
        found = [(Path(entry.path), entry.is_dir()) for entry in entries if not is_hidden(entry.name)]
    if not found:
        empty.append(str(folder))
    for path, is_folder in found:
        if is_folder and not path.name.lower().endswith(endings):
            yield from _walk(path, endings, [*above, here], empty)
        else:
            yield path


def _kind(path: Path) -> str | None:
    """Say what stands under a name, if it is no file."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "a dangling link"
    except OSError as error:
        return error.strerror or str(error)
    if S_ISREG(mode):
        return None
    return "a folder" if S_ISDIR(mode) else "a pipe" if S_ISFIFO(mode) else "a device or socket"

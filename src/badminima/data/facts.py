"""Facts about raw files: their size, and a digest that changes with them."""

import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from badminima.data.image_lists import is_hidden, list_images
from badminima.storage.files import file_sha256


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
        files = {name: path / name for name in list_images(path, endings).images}
        lines = [f"{name}\t{file_sha256(file)}\n" for name, file in files.items()]
        sizes = [file.stat().st_size for file in files.values()]
    else:
        with os.scandir(path) as entries:
            named = sorted((entry.name, entry.stat().st_size) for entry in entries if _counts(entry))
        lines = [f"{name}\t{size}\n" for name, size in named]
        sizes = [size for _, size in named]
    return {
        "path": str(path),
        "files": len(sizes),
        "bytes": sum(sizes),
        "sha256": sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest(),
    }


def _counts(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry of a folder is a file, and one that a user put there."""
    return entry.is_file() and not is_hidden(entry.name)

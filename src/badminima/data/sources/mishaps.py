"""Where a user's files are, if not where they were looked for."""

import os
from itertools import islice
from pathlib import Path

from badminima.data.image_lists import is_hidden

# Folders below folders that are looked into, and how many of each: a search, no survey.
DEPTH = 3
BREADTH = 50


def found_below(folder: Path, names: tuple[str, ...]) -> Path | None:
    """Return the nearest folder below that has all these files or folders, or None."""
    level = [folder] if folder.is_dir() else []
    for _ in range(DEPTH):
        level = [path for parent in level for path in _folders(parent)]
        for path in level:
            if all((path / name).exists() for name in names):
                return path
    return None


def _folders(folder: Path) -> list[Path]:
    """Return some folders in a folder, sorted by name, without asking the disk about each file."""
    with os.scandir(folder) as entries:
        found = (Path(entry.path) for entry in entries if not is_hidden(entry.name) and entry.is_dir())
        return sorted(islice(found, BREADTH))

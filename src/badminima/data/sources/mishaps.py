"""Where a user's files are, if not where they were looked for."""

from pathlib import Path

from badminima.data.image_lists import is_hidden

# Folders below folders that are looked into.
DEPTH = 3


def found_below(folder: Path, names: tuple[str, ...]) -> Path | None:
    """Return the nearest folder below that has all these files or folders, or None."""
    level = [folder] if folder.is_dir() else []
    for _ in range(DEPTH):
        level = [
            path for parent in level for path in sorted(parent.iterdir()) if path.is_dir() and not is_hidden(path.name)
        ]
        for path in level:
            if all((path / name).exists() for name in names):
                return path
    return None

"""Digests of a user's own files, so that other photographs in the same place make again what depends on them."""

from hashlib import sha256
from pathlib import Path

from badminima.data.raw import facts_of, list_images
from badminima.errors import UserError
from badminima.storage.files import write_text


def content_digest(path: Path, endings: tuple[str, ...], folder: Path) -> str:
    """Return a digest of a file, or of the files in a folder; nothing where they can't be read, as their job will tell.

    Args:
        path: the file or folder.
        endings: of the files in the folder that count.
        folder: where digests are kept: while names, sizes and times stay, nothing is read again.
    """
    try:
        names = [path / name for name in list_images(path, endings).images] if path.is_dir() else [path]
        times = [(str(name), name.stat().st_size, name.stat().st_mtime_ns) for name in names]
        kept = folder / f"{sha256(repr(times).encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.digest"
        if not kept.exists():
            write_text(kept, facts_of(path, endings)["sha256"][:16])
        return kept.read_text(encoding="utf-8")
    except (UserError, OSError):
        return ""

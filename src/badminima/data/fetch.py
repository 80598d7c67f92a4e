"""Stage ``fetch_data``: make a dataset's raw files available, and write down what they are."""

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from badminima.config.registry import SOURCES
from badminima.data.image_lists import list_images
from badminima.data.sources.base import Source
from badminima.errors import UserError
from badminima.storage.files import file_sha256, read_json


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
        The manifest: source, origin, and each file or folder by its role: path, size in bytes and SHA-256; of a
        folder that of the names and sizes of its files, or of its images, where the source says so.

    Raises:
        UserError: if the files cannot be had or are not the published ones.
    """
    source: Source = SOURCES.load(source_name)()
    if local_dir is not None and not local_dir.exists():
        raise UserError(local_dir, "no such file or folder", f"expected the files of {source_name}")
    origin, files = source.fetch(download_dir, local_dir, mirrors)
    facts = {role: _facts(path, SOURCES.entry(source_name).by_content) for role, path in files.items()}
    return {"source": source_name, "origin": origin, "files": facts}


def verified_files(manifest_path: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """The raw files that a manifest names, and their digests.

    Raises:
        UserError: if a file has gone or changed since it was fetched.
    """
    files, digests = {}, {}
    manifest = read_json(manifest_path)
    by_content = SOURCES.entry(manifest["source"]).by_content
    for role, entry in manifest["files"].items():
        path = Path(entry["path"])
        if not path.exists():
            raise UserError(path, "no such file", f"delete {manifest_path} and fetch the dataset again")
        if _facts(path, by_content)["sha256"] != entry["sha256"]:
            raise UserError(path, "changed content", f"delete {manifest_path} and fetch the dataset again")
        files[role], digests[role] = path, entry["sha256"]
    return files, digests


def _facts(path: Path, by_content: bool) -> dict[str, Any]:
    """Where a file or folder is, how large, and what is in it; a folder's files are listed, or its images read."""
    if path.is_file():
        return {"path": str(path), "bytes": path.stat().st_size, "sha256": file_sha256(path)}
    if by_content:
        images = [path / name for name in list_images(path).images]
        sizes = [(str(image.relative_to(path)), image.stat().st_size) for image in images]
        lines = [f"{name}\t{file_sha256(image)}\n" for image, (name, _) in zip(images, sizes, strict=True)]
    else:
        with os.scandir(path) as entries:
            sizes = sorted((entry.name, entry.stat().st_size) for entry in entries if entry.is_file())
        lines = [f"{name}\t{size}\n" for name, size in sizes]
    return {
        "path": str(path),
        "files": len(sizes),
        "bytes": sum(size for _, size in sizes),
        "sha256": sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest(),
    }

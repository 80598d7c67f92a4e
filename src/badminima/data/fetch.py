"""Stage ``fetch_data``: make a dataset's raw files available, and write down what they are."""

from pathlib import Path
from typing import Any

from badminima.data.sources.base import Source
from badminima.errors import UserError
from badminima.files import read_json, sha256
from badminima.registry import SOURCES


def fetch(source_name: str, download_dir: Path, local_dir: Path | None) -> dict[str, Any]:
    """Find or download the raw files of a dataset source.

    Args:
        source_name: name of the source.
        download_dir: where downloads go.
        local_dir: a folder that already holds the files; nothing is downloaded then.

    Returns:
        The manifest: source, origin, and for each file its path, size in bytes and SHA-256.

    Raises:
        UserError: if the files cannot be had or are not the published ones.
    """
    source: Source = SOURCES.load(source_name)()
    if local_dir is not None and not local_dir.is_dir():
        raise UserError(f"data.local_dirs.{source_name}", local_dir, "expected an existing folder")
    origin, files = source.fetch(download_dir, local_dir)
    return {
        "source": source_name,
        "origin": origin,
        "files": {
            role: {"path": str(path), "bytes": path.stat().st_size, "sha256": sha256(path)}
            for role, path in files.items()
        },
    }


def verified_files(manifest_path: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """The raw files that a manifest names, and their digests.

    Raises:
        UserError: if a file has gone or changed since it was fetched.
    """
    files, digests = {}, {}
    for role, entry in read_json(manifest_path)["files"].items():
        path = Path(entry["path"])
        if not path.is_file():
            raise UserError(path, "no such file", f"delete {manifest_path} and fetch the dataset again")
        if sha256(path) != entry["sha256"]:
            raise UserError(path, "changed content", f"delete {manifest_path} and fetch the dataset again")
        files[role], digests[role] = path, entry["sha256"]
    return files, digests

"""Stage ``fetch_data``: make a dataset's raw files available, and write down what they are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from badminima.config.registry import SOURCES
from badminima.data.facts import facts_of
from badminima.data.sources.base import Source
from badminima.errors import UserError
from badminima.storage.files import read_json


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
        folder that of the names and sizes of its files, or of their content, where the source has their endings.

    Raises:
        UserError: if the files cannot be had or are not the published ones.
    """
    source: Source = SOURCES.load(source_name)()
    if local_dir is not None and not local_dir.exists():
        raise UserError(local_dir, "no such file or folder", f"expected the files of {source_name}")
    origin, files = source.fetch(download_dir, local_dir, mirrors)
    facts = {role: facts_of(path, SOURCES.entry(source_name).endings) for role, path in files.items()}
    return {"source": source_name, "origin": origin, "files": facts}


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
        if not path.exists():
            raise UserError(path, "no such file", f"delete {manifest_path} and fetch the dataset again")
        if facts_of(path, endings)["sha256"] != entry["sha256"]:
            raise UserError(path, "changed content", f"delete {manifest_path} and fetch the dataset again")
        files[role], digests[role] = path, entry["sha256"]
    return files, digests

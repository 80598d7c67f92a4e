"""Make a dataset's raw files available and write a manifest of them.

Args:
    source: name of the dataset source.
    download_dir: folder for downloads.
    local_dir: folder that already holds the files; nothing is downloaded.
    mirrors: addresses of folders with the archives, by spaces; tried first.
    manifest: output: paths, sizes and digests (JSON).
"""

from pathlib import Path

from badminima.cli import Folder, Output, command
from badminima.data.raw import fetch
from badminima.storage.files import write_json


@command
def fetch_data(source: str, download_dir: Folder, manifest: Output, local_dir: str = "", mirrors: str = "") -> None:
    write_json(manifest, fetch(source, download_dir, Path(local_dir) if local_dir else None, mirrors.split()))

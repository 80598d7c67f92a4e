"""Make a dataset's raw files available and write a manifest of them."""

from pathlib import Path

import click

from badminima.cli import FOLDER, OUTPUT_FILE, one_line_errors
from badminima.data.raw import fetch
from badminima.storage.files import write_json


@click.command(help=__doc__)
@click.option("--source", required=True, help="Name of the dataset source.")
@click.option("--download-dir", type=FOLDER, required=True, help="Folder for downloads.")
@click.option("--local-dir", default="", help="Folder that already holds the files; nothing is downloaded.")
@click.option("--mirrors", default="", help="Addresses of folders with the archives, by spaces; tried first.")
@click.option("--manifest", type=OUTPUT_FILE, required=True, help="Output: paths, sizes and digests (JSON).")
@one_line_errors
def main(source: str, download_dir: Path, local_dir: str, mirrors: str, manifest: Path) -> None:
    write_json(manifest, fetch(source, download_dir, Path(local_dir) if local_dir else None, mirrors.split()))


if __name__ == "__main__":
    main()

"""Turn raw files into the prepared dataset."""

from pathlib import Path

import click

from badminima.cli import INPUT_FILE, OUTPUT_FILE, one_line_errors, settings_option
from badminima.data.fetch import verified_files
from badminima.data.prepared import prepare
from badminima.registry import SOURCES
from badminima.runs import PrepareSettings
from badminima.tensorfiles import write_tensors


@click.command(help=__doc__)
@click.option("--manifest", type=INPUT_FILE, required=True, help="Written by fetch_data.")
@settings_option(PrepareSettings)
@click.option("--prepared", type=OUTPUT_FILE, required=True, help="Output: the prepared dataset (safetensors).")
@one_line_errors
def main(manifest: Path, settings: PrepareSettings, prepared: Path) -> None:
    files, digests = verified_files(manifest)
    tensors, metadata = prepare(SOURCES.load(settings.source)().read(files), settings)
    write_tensors(prepared, tensors, {**metadata, "source_digests": digests})


if __name__ == "__main__":
    main()

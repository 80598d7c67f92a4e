"""Turn raw files into the prepared dataset."""

from pathlib import Path

import click

from badminima.cli import INPUT_FILE, OUTPUT_FILE, one_line_errors, settings_option
from badminima.config.base import parse
from badminima.config.registry import SOURCES
from badminima.data.prepared import prepare
from badminima.data.raw import verified_files
from badminima.experiment.settings import PrepareSettings


@click.command(help=__doc__)
@click.option("--manifest", type=INPUT_FILE, required=True, help="Written by fetch_data.")
@settings_option(PrepareSettings)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Decoding threads.")
@click.option("--prepared", type=OUTPUT_FILE, required=True, help="Output: the prepared dataset (safetensors).")
@one_line_errors
def main(manifest: Path, settings: PrepareSettings, threads: int, prepared: Path) -> None:
    files, digests = verified_files(manifest)
    options = parse(SOURCES.entry(settings.source).options, settings.options, f"datasets.{settings.dataset}.options.")
    raw = SOURCES.load(settings.source)().read(files, **dict(options))
    prepare(raw, settings, prepared, digests, threads)


if __name__ == "__main__":
    main()

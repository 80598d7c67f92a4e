"""Turn raw files into the prepared dataset.

Args:
    manifest: written by fetch_data.
    threads: decoding threads.
    prepared: output: the prepared dataset (safetensors).
"""

from badminima.cli import Count, Input, Output, command
from badminima.config.base import parse
from badminima.config.registry import SOURCES
from badminima.data.prepared import prepare
from badminima.data.raw import verified_files
from badminima.experiment.settings import PrepareSettings


@command
def prepare_data(manifest: Input, settings: PrepareSettings, prepared: Output, threads: Count = 1) -> None:
    files, digests = verified_files(manifest)
    options = parse(SOURCES.entry(settings.source).options, settings.options, f"datasets.{settings.dataset}.options.")
    raw = SOURCES.load(settings.source)().read(files, **dict(options))
    prepare(raw, settings, prepared, digests, threads)

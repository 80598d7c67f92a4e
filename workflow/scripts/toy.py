"""Train all networks of the two-dimensional toy experiment and measure them."""

from pathlib import Path
from typing import Any

import click

from badminima.cli import OUTPUT_FILE, Progress, one_line_errors, settings_option
from badminima.experiment.settings import ToySettings
from badminima.storage.files import write_csv
from badminima.toy import paths as toy_paths
from badminima.toy.experiment import run_toy, write_networks
from badminima.toy.table import COLUMNS, rows


@click.command(help=__doc__)
@settings_option(ToySettings)
@click.option("--networks", type=OUTPUT_FILE, required=True, help="Output: points, networks and frames (safetensors).")
@click.option("--csv", type=OUTPUT_FILE, required=True, help="Output: a row per network.")
@click.option("--paths", type=OUTPUT_FILE, required=True, help="Output: a row per run, seed and kept step.")
@one_line_errors
def main(settings: ToySettings, networks: Path, csv: Path, paths: Path) -> None:
    progress = Progress(settings.toy.pretraining.epochs, "toy: epochs of pretraining", every=5)
    along: list[dict[str, Any]] = []
    trained = run_toy(settings, progress.update, along.append)
    progress.close()
    write_networks(networks, trained)
    write_csv(csv, COLUMNS, rows(trained))
    write_csv(paths, toy_paths.COLUMNS, along)


if __name__ == "__main__":
    main()

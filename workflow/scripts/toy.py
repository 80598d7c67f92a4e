"""Train all networks of the two-dimensional toy experiment and measure them."""

from pathlib import Path

import click

from badminima.cli import OUTPUT_FILE, Progress, one_line_errors, settings_option
from badminima.experiment.settings import ToySettings
from badminima.storage.files import write_csv
from badminima.toy.experiment import run_toy, write_networks
from badminima.toy.table import COLUMNS, rows


@click.command(help=__doc__)
@settings_option(ToySettings)
@click.option("--networks", type=OUTPUT_FILE, required=True, help="Output: points, networks and frames (safetensors).")
@click.option("--csv", type=OUTPUT_FILE, required=True, help="Output: a row per network.")
@one_line_errors
def main(settings: ToySettings, networks: Path, csv: Path) -> None:
    progress = Progress(settings.toy.pretraining.epochs, "toy: epochs of pretraining", every=5)
    trained = run_toy(settings, progress.update)
    progress.close()
    write_networks(networks, trained)
    write_csv(csv, COLUMNS, rows(trained))


if __name__ == "__main__":
    main()

"""Train all networks of the two-dimensional toy experiment and measure them."""

from pathlib import Path

import click

from badminima.cli import OUTPUT_FILE, Progress, one_line_errors, settings_option
from badminima.experiment.settings import ToySettings
from badminima.storage.files import write_csv
from badminima.toy.data import write_networks
from badminima.toy.experiment import epochs_of, run_toy
from badminima.toy.measure import COLUMNS, PATH_COLUMNS, rows


@click.command(help=__doc__)
@settings_option(ToySettings)
@click.option("--networks", type=OUTPUT_FILE, required=True, help="Output: points, networks and frames (safetensors).")
@click.option("--csv", type=OUTPUT_FILE, required=True, help="Output: a row per network.")
@click.option("--paths", type=OUTPUT_FILE, required=True, help="Output: a row per run, seed and kept step.")
@one_line_errors
def main(settings: ToySettings, networks: Path, csv: Path, paths: Path) -> None:
    progress = Progress(epochs_of(settings.toy), "toy: epochs", every=5)
    trained, along = run_toy(settings, progress.update)
    progress.close()
    write_networks(networks, trained)
    write_csv(csv, COLUMNS, rows(trained))
    write_csv(paths, PATH_COLUMNS, along)


if __name__ == "__main__":
    main()

"""Print what the configured targets cost: trainings, device-hours, disk."""

import json
from pathlib import Path

import click

from badminima.cli import INPUT_FILE, one_line_errors
from badminima.config.load import load_config
from badminima.experiment.cost import plan, read_speeds


@click.command(help=__doc__)
@click.option("--config", type=INPUT_FILE, required=True, help="The merged configuration (JSON).")
@click.option("--speeds", type=INPUT_FILE, required=True, help="Table of benchmarks/training.py.")
@one_line_errors
def main(config: Path, speeds: Path) -> None:
    measured, device = read_speeds(speeds)
    table = plan(load_config(json.loads(config.read_text(encoding="utf-8"))), measured)
    click.echo(f"speeds of {speeds}, measured on {device}")
    click.echo(table.to_string(index=False, float_format=lambda value: f"{value:,.2f}"))


if __name__ == "__main__":
    main()

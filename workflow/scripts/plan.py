"""Print what the configured targets cost: trainings, hours, disk."""

import json
from pathlib import Path

import click

from badminima.cli import INPUT_FILE, one_line_errors
from badminima.config.load import load_config
from badminima.experiment.cost import not_measured
from badminima.experiment.plan import Machine, PlanRow, plan, planned_device
from badminima.experiment.speeds import read_devices
from badminima.workflow.machine import device_here

HEADINGS = [
    ("", "trainings and", "device-hours at most:", "", "", "wall-clock", ""),
    ("target", "pretrainings", "training", "measurements", "start-up", "hours", "gigabytes"),
]


@click.command(help=__doc__)
@click.option("--config", "config_file", type=INPUT_FILE, required=True, help="The merged configuration (JSON).")
@click.option("--cores", type=int, default=1, show_default=True, help="Cores of this machine.")
@click.option("--gpus", type=int, default=1, show_default=True, help="GPUs of this machine.")
@click.option("--cluster-jobs", type=int, help="Jobs at once, on a cluster instead of this machine.")
@click.argument("tables", nargs=-1, type=INPUT_FILE, required=True)
@one_line_errors
def main(config_file: Path, cores: int, gpus: int, cluster_jobs: int | None, tables: tuple[Path, ...]) -> None:
    config = load_config(json.loads(config_file.read_text(encoding="utf-8")))
    device = planned_device(config, read_devices(tables), device_here(config.device))
    machine = Machine(cores, gpus, cluster_jobs)
    rows = plan(config, device, machine)
    threads = f", {device.threads} threads" if device.is_cpu else ""
    click.echo(f"device: {device.name} ({device.precision}{threads}); {machine.devices(config, device):,.4g} at once")
    if missing := not_measured(config, device):
        click.echo(f"not measured on it, so not counted: {', '.join(missing)}")
    click.echo("\n".join(aligned([*HEADINGS, *map(cells, rows)])))


def cells(row: PlanRow) -> tuple[str, ...]:
    hours = (row.training, row.measuring, row.starting, row.wall_clock)
    return row.target, f"{row.trainings:,}", *(f"{value:,.2f}" for value in hours), f"{row.gigabytes:,.2f}"


def aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Pad cells to columns: names to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


if __name__ == "__main__":
    main()

"""Print what the configured targets cost: hours on the wall first, then a row for each."""

import json
from pathlib import Path

import click

from badminima.analysis.claims.grids import claim_targets
from badminima.cli import INPUT_FILE, one_line_errors
from badminima.config.load import load_config
from badminima.experiment.paths import Paths
from badminima.experiment.plan import Epochs, plan, plan_text
from badminima.experiment.speeds import Machine, planned_device, read_devices
from badminima.workflow.machine import device_here


@click.command(help=__doc__)
@click.option("--config", "config_file", type=INPUT_FILE, required=True, help="The merged configuration (JSON).")
@click.option("--cores", type=int, default=1, show_default=True, help="Cores of this machine.")
@click.option("--gpus", type=int, default=1, show_default=True, help="GPUs of this machine.")
@click.option("--cluster-jobs", type=int, help="Jobs at once, on a cluster instead of this machine.")
@click.argument("tables", nargs=-1, type=INPUT_FILE, required=True)
@one_line_errors
def main(config_file: Path, cores: int, gpus: int, cluster_jobs: int | None, tables: tuple[Path, ...]) -> None:
    config = load_config(json.loads(config_file.read_text(encoding="utf-8")))
    here = device_here(config.device)
    device = planned_device(config, read_devices(tables), here)
    machine = Machine(cores, gpus, cluster_jobs)
    epochs = Epochs(Paths(config_file.parent))
    rows = plan(config, device, machine, claim_targets(config), epochs)
    shown = here if cluster_jobs is None else None
    click.echo(plan_text(rows, config, device, machine.devices(config, device), shown, epochs))


if __name__ == "__main__":
    main()

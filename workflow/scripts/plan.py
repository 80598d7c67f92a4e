"""Print what the configured targets cost: hours on the wall first, then a row for each.

Args:
    config: the merged configuration (JSON).
    speeds: table of what was measured of devices; repeat.
    cores: cores of this machine.
    gpus: GPUs of this machine.
    cluster_jobs: jobs at once, on a cluster instead of this machine.
"""

from badminima.analysis.claims.grids import claim_targets
from badminima.cli import Input, command
from badminima.config.load import load_config
from badminima.experiment import plan as planning
from badminima.experiment.paths import Paths
from badminima.experiment.speeds import Machine, planned_device, read_devices
from badminima.storage.files import read_json
from badminima.workflow.machine import device_here


@command
def plan(
    config: Input, speeds: tuple[Input, ...], cores: int = 1, gpus: int = 1, cluster_jobs: int | None = None
) -> None:
    wanted = load_config(read_json(config))
    here = device_here(wanted.device)
    device = planned_device(wanted, read_devices(speeds), here)
    machine = Machine(cores, gpus, cluster_jobs)
    rows = planning.plan(planning.Costs(wanted, device, Paths(config.parent)), machine, claim_targets(wanted))
    shown = here if cluster_jobs is None else None
    print(planning.plan_text(rows, wanted, device, machine.devices(wanted, device), shown))

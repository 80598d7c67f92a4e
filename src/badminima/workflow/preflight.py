"""Refuse before the first job what would fail or run for months.

Each check raises UserError; a dry run, and targets that train nothing, never meet one.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from badminima.config import Config
from badminima.config.registry import SOURCES
from badminima.errors import UserError
from badminima.experiment.plan import Costs
from badminima.experiment.runs import Run
from badminima.experiment.speeds import is_cpu, read_devices
from badminima.storage.files import user_path
from badminima.workflow.machine import device_here


def check_data(config: Config, datasets: Collection[str]) -> None:
    """Raise UserError if the files of a dataset can't be had: fetching it would fail.

    Args:
        config: the configuration.
        datasets: the datasets that are to be fetched.
    """
    for dataset in sorted(datasets):
        entry = config.datasets[dataset]
        folder = local_files(config, dataset)
        where = f"data.local_dirs.{entry.source}" if entry.path is None else f"datasets.{dataset}.path"
        is_missing = SOURCES.entry(entry.source).origin == "local" if folder is None else not folder.exists()
        if is_missing:
            raise UserError(
                where,
                folder or "no folder",
                f"expected an existing folder or archive to make {dataset} from, or leave it out of all studies, as "
                "presets/overlays/without_imagenet.yaml does",
            )


def check_captions(config: Config, folder: Path) -> None:
    """Raise UserError if ``folder`` has no caption of a figure that the report shows, or of a table for papers."""
    shown = {f"figures.{name}": f"fig_{figure.kind or name}.rst" for name, figure in config.figures.items()}
    shown |= {f"tables.{name}": f"table_{table.kind or name}.rst" for name, table in config.tables.items()}
    for key, file in shown.items():
        if not (folder / file).is_file():
            raise UserError(key, f"no caption {folder / file}", "write a sentence or two that say how to read it")


def local_files(config: Config, dataset: str) -> Path | None:
    """Return the folder or archive of a dataset's files, ``~`` expanded; None where the config names none."""
    entry = config.datasets[dataset]
    named = entry.path or config.data.local_dirs.get(entry.source)
    return user_path(named) if named else None


def check_cost(config: Config, trainings: Sequence[Run], pretrainings: Sequence[Run], speeds: Collection[Path]) -> None:
    """Raise UserError if jobs on this machine would take more device-hours than ``plan.local_hours`` allows.

    Models that were not measured are estimated. A GPU or CPU that was not measured counts as another one.

    Args:
        config: the configuration.
        trainings: the trainings that are to be run.
        pretrainings: the pretrainings, as runs without a recipe.
        speeds: the tables of what was measured; one that is missing is refused too.
    """
    limit = config.plan.local_hours
    if limit is None or not (trainings or pretrainings):
        return
    here, devices = device_here(config.device), read_devices(speeds)
    device = devices.get(here) or next(device for device in devices.values() if device.is_cpu == is_cpu(here))
    cost = Costs(config, device).of_jobs(trainings, pretrainings)
    hours = (cost.training + cost.measuring) / 3600
    if hours <= limit:
        return
    raise UserError(
        "this machine",
        f"{len(trainings):,} trainings and {len(pretrainings):,} pretrainings to run here, up to {hours:,.0f} "
        f"device-hours at the speeds of {device.name}",
        "for a laptop add --configfile presets/demo.yaml, for a cluster --profile slurm "
        f"(to run it here all the same, raise plan.local_hours above {limit:g})",
    )

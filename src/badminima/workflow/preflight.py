"""Refuse before the first job what would fail or run for months.

Each check raises UserError; a dry run, and targets that train nothing, never meet one.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from badminima.config import Config
from badminima.config.registry import SOURCES
from badminima.errors import UserError
from badminima.experiment.plan import Costs
from badminima.experiment.runs import Run
from badminima.experiment.speeds import Device, is_cpu, read_devices
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
        if folder is not None and not folder.exists():
            raise UserError(where, folder, "expected an existing folder or archive")
        if folder is None and entry.source == "restricted_imagenet":
            raise UserError(
                where,
                f"no folder to make {dataset} from",
                "name your copy of it, or leave it out of all studies, as presets/overlays/without_imagenet.yaml does",
            )
        if folder is None and SOURCES.entry(entry.source).origin == "local":
            raise UserError(f"datasets.{dataset}.path", "nothing", "expected the folder or archive of its images")


def check_captions(config: Config, folder: Path, of_tables: bool) -> None:
    """Raise UserError if a caption is missing that a report would show.

    Args:
        config: the configuration.
        folder: where captions lie.
        of_tables: whether the report shows tables for papers too.
    """
    shown = {f"figures.{name}": f"fig_{figure.kind or name}.rst" for name, figure in config.figures.items()}
    if of_tables:
        shown |= {f"tables.{name}": f"table_{table.kind or name}.rst" for name, table in config.tables.items()}
    for key, file in shown.items():
        if not (folder / file).is_file():
            raise UserError(key, f"no caption {folder / file}", "write a sentence or two that say how to read it")


def local_files(config: Config, dataset: str) -> Path | None:
    """Return the folder or archive of a dataset's files, ``~`` expanded; None where the config names none."""
    entry = config.datasets[dataset]
    named = entry.path or config.data.local_dirs.get(entry.source)
    return user_path(named) if named else None


def check_cost(
    config: Config,
    trainings: Sequence[Run],
    pretrainings: Sequence[Run],
    datasets: Collection[str],
    speeds: Collection[Path],
) -> None:
    """Raise UserError if jobs on this machine would take more device-hours than ``plan.local_hours`` allows.

    Models that were not measured are estimated. A GPU or CPU that was not measured counts as another one.

    Args:
        config: the configuration.
        trainings: the trainings that are to be run.
        pretrainings: the pretrainings, as runs without a recipe.
        datasets: the datasets that are to be fetched.
        speeds: the tables of what was measured; one that is missing is refused too.
    """
    limit = config.plan.local_hours
    if limit is None or not (trainings or pretrainings):
        return
    device = _like(device_here(config.device), read_devices(speeds))
    if not device.speeds:
        return
    cost = Costs(config, device).of_jobs(trainings, pretrainings)
    hours = (cost.training + cost.measuring) / 3600
    if hours <= limit:
        return
    downloads = [name for name in sorted(datasets) if is_downloaded(config, name)]
    fetched = f", and downloads of {', '.join(downloads)}" if downloads else ""
    raise UserError(
        "this machine",
        f"{len(trainings):,} trainings and {len(pretrainings):,} pretrainings to run here, up to {hours:,.0f} "
        f"device-hours at the speeds of {device.name}{fetched}",
        "for a laptop add --configfile presets/demo.yaml, for a cluster --profile slurm "
        f"(to run it here all the same, raise plan.local_hours above {limit:g})",
    )


def _like(name: str, devices: Mapping[str, Device]) -> Device:
    """Return the device called ``name``, or else the first of its kind, GPU or CPU; without any, one without speeds."""
    of_kind = [device for device in devices.values() if device.is_cpu == is_cpu(name)]
    return devices.get(name) or next(iter(of_kind), Device(name))


def is_downloaded(config: Config, dataset: str) -> bool:
    """Return whether the files of a dataset come over the network, unless they are already there."""
    source = config.datasets[dataset].source
    return SOURCES.entry(source).origin == "download" and local_files(config, dataset) is None

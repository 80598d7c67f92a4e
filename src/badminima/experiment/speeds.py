"""Read how fast devices train, evaluate, measure and start; `make bench` measures it."""

import csv
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from badminima.config import Config
from badminima.config.registry import ARCHITECTURES
from badminima.errors import UserError
from badminima.storage.files import readable

CPU = "cpu"


@dataclass(frozen=True)
class Speed:
    """Images per second of one architecture on images of ``pixels`` pixels."""

    training: float
    evaluation: float
    pixels: int


@dataclass(frozen=True)
class Timing:
    """Device-seconds of one diagnostic of one architecture at the default options, for ``measuring.images``."""

    seconds: float
    images: int
    pixels: int


@dataclass(frozen=True)
class Device:
    """Measured numbers of one device: a GPU, or a CPU with as many threads as its trainings were measured with.

    Attributes:
        name: as in a run's record, such as ``NVIDIA H200`` or ``cpu (x86_64)``.
        threads: CPU threads of the measured trainings.
        precision: of the measured trainings.
        speeds: by architecture.
        timings: by diagnostic, then by architecture.
        start: device-seconds that a job needs beside its work.
    """

    name: str
    threads: int = 1
    precision: str = ""
    speeds: Mapping[str, Speed] = field(default_factory=dict)
    timings: Mapping[str, Mapping[str, Timing]] = field(default_factory=dict)
    start: float = 0.0

    @property
    def is_cpu(self) -> bool:
        """Whether jobs on it use no GPU."""
        return is_cpu(self.name)

    def nearest(self, architecture: str) -> str:
        """Return an architecture if it was measured, or else the measured one nearest in parameters."""
        return architecture if architecture in self.speeds else nearest(architecture, self.speeds)

    def speed(self, architecture: str) -> Speed:
        """Return the speed of an architecture; one that was not measured is estimated from its parameters."""
        like = self.nearest(architecture)
        speed = self.speeds[like]
        larger = 1.0 if like == architecture else parameters_of(architecture) / parameters_of(like)
        return Speed(speed.training / larger, speed.evaluation / larger, speed.pixels)


@dataclass(frozen=True)
class Machine:
    """A place that runs jobs side by side.

    Attributes:
        cores: CPU cores, on a machine.
        gpus: GPUs, on a machine.
        cluster_jobs: jobs at once, on a cluster.
    """

    cores: int = 1
    gpus: int = 1
    cluster_jobs: int | None = None

    def devices(self, config: Config, device: Device) -> float:
        """Return how many devices work at once: GPUs, or as many as a CPU's threads go into the cores."""
        threads = config.resources.of("train").threads
        if device.is_cpu:
            return (self.cores if self.cluster_jobs is None else self.cluster_jobs * threads) / device.threads
        return self.cluster_jobs or max(1, min(self.gpus, self.cores // threads))


def parameters_of(architecture: str) -> int:
    """Return the parameters of an architecture at its default options."""
    return ARCHITECTURES.entry(architecture).parameters


def nearest(architecture: str, known: Iterable[str]) -> str:
    """Return the known architecture nearest to another one in parameters."""
    own = parameters_of(architecture)
    return min(
        sorted(set(known).intersection(ARCHITECTURES.names)), key=lambda name: abs(math.log(parameters_of(name) / own))
    )


def is_cpu(device: str) -> bool:
    """Tell whether a device is a CPU by its name."""
    return device.lower().startswith(CPU)


def read_devices(tables: Iterable[Path]) -> dict[str, Device]:
    """Return the devices whose speed was measured, by name; of two rows for the same, the later one counts.

    Args:
        tables: CSV files of ``benchmarks/training.py``, ``measurements.py`` and ``startup.py``, in any order.

    Raises:
        UserError: if a file is missing or no such table.
    """
    rows = [row for table in tables for row in _rows(table)]
    names = dict.fromkeys(row["device"] for row in rows if "train_images_per_second" in row)
    return {name: _device(name, [row for row in rows if row["device"] == name]) for name in names}


def _rows(table: Path) -> list[dict[str, str]]:
    """Return the rows of a table; a speed without a number was not measured."""
    with readable(table), table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"start_seconds", "diagnostic", "train_images_per_second"} & rows[0].keys():
        raise UserError(table, "no benchmark table", "expected what `make bench` writes")
    numbers = ("train_images_per_second", "evaluate_images_per_second")
    return [row for row in rows if all(row.get(name, "measured") for name in numbers)]


def _device(name: str, rows: list[dict[str, str]]) -> Device:
    """Put the rows of one device together, a CPU's seconds as those of as many threads as its last speed has."""
    of_speeds = [row for row in rows if "train_images_per_second" in row]
    threads = int(of_speeds[-1]["threads"] or 1)
    speeds: dict[str, Speed] = {}
    timings: dict[str, dict[str, Timing]] = {}
    start = 0.0
    for row in sorted(rows, key=lambda row: "diagnostic" in row):
        share = int(row["threads"] or 1) / threads if is_cpu(name) else 1.0
        if "start_seconds" in row:
            start = float(row["start_seconds"]) * share
            continue
        architecture, size = row["case"].split()
        pixels = math.prod(map(int, size.split("x")))
        if "train_images_per_second" in row:
            train, evaluate = float(row["train_images_per_second"]), float(row["evaluate_images_per_second"])
            speeds[architecture] = Speed(train / share, evaluate / share, pixels)
        elif architecture in speeds:  # a diagnostic is scaled by training speeds
            timing = Timing(float(row["seconds"]) * share, int(row["images"]), pixels)
            timings.setdefault(row["diagnostic"], {})[architecture] = timing
    return Device(name, threads, of_speeds[-1]["precision"], speeds, timings, start)


def find_device(devices: Collection[str], name: str) -> str:
    """Return the device called ``name``, or the only one with that in its name, in capitals or not.

    Raises:
        UserError: if it is none of them, or could be several.
    """
    found = [name] if name in devices else [device for device in devices if name.lower() in device.lower()]
    if len(found) != 1:
        remedy = f"measured: {', '.join(devices)} (name one of them, or run `make bench` there)"
        raise UserError("plan.device", f"{name!r}, which is part of {', '.join(found) or 'none'}", remedy)
    return found[0]


def planned_device(config: Config, devices: Mapping[str, Device], here: str) -> Device:
    """Return the device to reckon with: ``plan.device``, or else the one that this machine computes on.

    Where the config computes on the CPU, it is one, whatever GPU is named. Raises UserError if it was not measured.
    """
    named = devices[find_device(devices, config.plan.device)] if config.plan.device else None
    if named is not None and (named.is_cpu or config.device != CPU):
        return named
    return devices[find_device(devices, CPU if config.device == CPU else here)]

"""Read the tables of ``make bench``: how fast devices train, evaluate, measure and start."""

import csv
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from badminima.errors import UserError

CPU = "cpu"


@dataclass(frozen=True)
class Speed:
    """Images per second of one architecture on images of ``pixels`` pixels."""

    training: float
    evaluation: float
    pixels: int


@dataclass(frozen=True)
class Timing:
    """Seconds of one diagnostic of one architecture, at the default options.

    Attributes:
        seconds: device-seconds.
        images: the config's ``measuring.images``.
        pixels: of an image.
    """

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


def is_cpu(device: str) -> bool:
    """Tell whether a device is a CPU by its name."""
    return device.lower().startswith(CPU)


def read_devices(tables: Iterable[Path]) -> dict[str, Device]:
    """Return the devices that were measured, by name; of two rows for the same, the later one counts.

    Args:
        tables: CSV files of ``benchmarks/training.py``, ``measurements.py`` and ``startup.py``, in any order. A row
            with an empty speed counts as not measured, a device without speeds too.

    Raises:
        UserError: if a file is missing or no such table.
    """
    rows = [row for table in tables for row in _read(table)]
    names = dict.fromkeys(row.device for row in rows if isinstance(row.measured, Speed))
    return {name: _device(name, [row for row in rows if row.device == name]) for name in names}


def find_device(devices: Collection[str], name: str, key: str = "plan.device") -> str:
    """Return the device called ``name``, or the only one with that in its name, in capitals or not.

    Args:
        devices: the devices that were measured.
        name: the device that is wanted.
        key: where it was named, for the message.

    Raises:
        UserError: if it is none of them, or could be several.
    """
    found = [device for device in devices if name.lower() in device.lower()]
    exact = [device for device in found if device == name]
    if len(exact or found) == 1:
        return (exact or found)[0]
    problem = f"which is part of {', '.join(found)}" if found else "which was not measured"
    raise UserError(
        key, f"{name!r}, {problem}", f"measured: {', '.join(devices)} (name one of them, or run `make bench` there)"
    )


@dataclass(frozen=True)
class _Row:
    """A row of a table: a speed, the time of a diagnostic, or the seconds that a job needs to start."""

    device: str
    threads: int
    measured: Speed | Timing | float
    architecture: str = ""
    diagnostic: str = ""
    precision: str = ""


def _read(table: Path) -> list[_Row]:
    """Return the rows of a table that have a number; raise UserError if it is none of the three kinds."""
    try:
        with table.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        rows = [_parse(line) for line in lines]
    except FileNotFoundError:
        raise UserError(table, "no such file", "run `make bench` first, or name another table") from None
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise UserError(table, f"no benchmark table ({error})", "expected what `make bench` writes") from None
    if not lines:
        raise UserError(table, "no rows", "expected what `make bench` writes")
    return [row for row in rows if row is not None]


def _parse(line: dict[str, str]) -> _Row | None:
    """Return a row, or None where its speed is empty."""
    device, threads = line["device"], int(line["threads"] or 1)
    if "start_seconds" in line:
        return _Row(device, threads, float(line["start_seconds"]))
    architecture, size = line["case"].split()
    height, width = size.split("x")
    pixels = int(height) * int(width)
    if "diagnostic" in line:
        timing = Timing(float(line["seconds"]), int(line["images"]), pixels)
        return _Row(device, threads, timing, architecture, line["diagnostic"])
    training, evaluation = line["train_images_per_second"], line["evaluate_images_per_second"]
    if not (training and evaluation):
        return None
    speed = Speed(float(training), float(evaluation), pixels)
    return _Row(device, threads, speed, architecture, precision=line["precision"])


def _device(name: str, rows: list[_Row]) -> Device:
    """Put the rows of one device together, a CPU's seconds as those of as many threads as its last speed has."""
    last = next(row for row in reversed(rows) if isinstance(row.measured, Speed))
    speeds: dict[str, Speed] = {}
    timings: dict[str, dict[str, Timing]] = {}
    start = 0.0
    for row in rows:
        share, measured = (row.threads / last.threads if is_cpu(name) else 1.0), row.measured
        if isinstance(measured, Speed):
            speeds[row.architecture] = Speed(measured.training / share, measured.evaluation / share, measured.pixels)
        elif isinstance(measured, Timing):
            timing = Timing(measured.seconds * share, measured.images, measured.pixels)
            timings.setdefault(row.diagnostic, {})[row.architecture] = timing
        else:
            start = measured * share
    # A diagnostic is scaled by training speeds.
    known = {name: {case: of[case] for case in of if case in speeds} for name, of in timings.items()}
    return Device(name, last.threads, last.precision, speeds, {name: of for name, of in known.items() if of}, start)

"""A plan as people read it on a terminal: the answer first, then a row for the targets that cost the same."""

import textwrap
from collections.abc import Sequence
from dataclasses import replace

from badminima.experiment.plan import PlanRow
from badminima.experiment.speeds import Device, is_cpu

WIDTH = 100
HEADINGS = ("wall clock", "training", "measuring", "starting", "disk")
NOTE = (
    "Times are at most: a pretraining stops when it fits.\n"
    "Training, measuring and starting are the time of all devices together."
)


def plan_text(rows: Sequence[PlanRow], device: Device, at_once: float, here: str | None, missing: Sequence[str]) -> str:
    """Return a plan as text.

    Args:
        rows: of the targets, ``all`` last.
        device: what it reckons with.
        at_once: how many of these work side by side.
        here: the device that this machine computes on; None: jobs run elsewhere.
        missing: the diagnostics that were not measured on the device.
    """
    whole = rows[-1]
    threads = f", {device.threads} threads" if device.is_cpu else ""
    is_here = here is None or device.name == here or (device.is_cpu and is_cpu(here))
    elsewhere = "" if is_here else f"; jobs on this machine would compute on {here}"
    lines = [
        f"all: at most {duration(whole.wall_clock)} on {device.name}, {size(whole.gigabytes)} of disk; "
        f"{whole.trainings:,} trainings after {whole.pretrainings:,} pretrainings",
        f"device: {device.name} ({device.precision}{threads}); {at_once:,.4g} at once{elsewhere}",
        *([f"not measured on it, so not counted: {', '.join(missing)}"] if missing else []),
        "",
        *_table(rows),
        "",
        NOTE,
    ]
    return "\n".join(lines)


def duration(hours: float) -> str:
    """Write a time in seconds, minutes, hours or days."""
    if not hours:
        return "-"
    if hours < 1.5:
        return f"{60 * hours:.0f} min" if hours >= 1 / 60 else f"{3600 * hours:.0f} s"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:,.0f} days"


def size(gigabytes: float) -> str:
    """Write a size in megabytes or gigabytes."""
    return f"{gigabytes:,.1f} GB" if gigabytes >= 1 else f"{1000 * gigabytes:,.0f} MB"


def _table(rows: Sequence[PlanRow]) -> list[str]:
    """Return the lines of a table, the longest targets first, those that cost the same in one row."""
    alike: dict[PlanRow, list[str]] = {}
    for row in sorted(rows, key=lambda row: (row.target != "all", -row.wall_clock)):
        key = row if row.target == "all" else replace(row, target="")
        alike.setdefault(key, []).append(row.target)
    cells = [HEADINGS, *(_cells(row) for row in alike)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    lines = []
    for line, names in zip(cells, (["target"], *alike.values()), strict=True):
        start = "".join(f"{cell:>{width}}  " for cell, width in zip(line, widths, strict=True))
        lines += textwrap.wrap(
            ", ".join(names), WIDTH, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False
        )
    return lines


def _cells(row: PlanRow) -> tuple[str, ...]:
    times = (row.wall_clock, row.training, row.measuring, row.starting)
    return *map(duration, times), size(row.gigabytes)

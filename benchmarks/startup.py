"""Seconds that a job needs beside its work: Snakemake, Python, loading torch and the data, on a GPU its context.

The smoke preset runs one job after another; they compute next to nothing. On a CPU from beginning to end, and its CPU
time counts, which other work on the machine hardly changes. On a GPU up to the measurements of one run, and the time
on the clock counts. Run it from the repository's root:

    python -m benchmarks.startup --output results/benchmarks/startup.csv
"""

import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from badminima.storage.device import choose_device
from badminima.storage.files import write_csv
from badminima.storage.provenance import provenance

REPOSITORY = Path(__file__).parent.parent
TARGETS = {"cpu": "all", "cuda": "results/smoke/runs/digits/mlp/random/vanilla/seed0/diagnostics.json"}
# The toy trains its networks in a job of five seconds.
CONFIG = [str(REPOSITORY / "config.yaml"), str(REPOSITORY / "presets" / "smoke.yaml"), "--config", "toy=null"]


def run_smoke(folder: Path, device: str) -> tuple[int, float, float]:
    """Run the smoke preset in an empty folder; return its jobs, seconds on the clock and CPU seconds."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--cores", "1"]
    command += ["--directory", str(folder), "--configfile", *CONFIG, f"device={device}", "--", TARGETS[device]]
    started, cpu_started = time.perf_counter(), _cpu_seconds()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds, cpu_seconds = time.perf_counter() - started, _cpu_seconds() - cpu_started
    if done.returncode != 0:
        raise click.ClickException(done.stderr[-2000:])
    counted = re.search(r"^jobs: (\d+)", done.stderr + done.stdout, re.MULTILINE)
    assert counted is not None, done.stderr
    return int(counted[1]) - (TARGETS[device] == "all"), seconds, cpu_seconds  # `all` is no job


def _cpu_seconds() -> float:
    """CPU time of all child processes so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@click.command(help=__doc__)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="CSV file.")
def main(output: Path | None) -> None:
    device = choose_device("auto")
    with tempfile.TemporaryDirectory() as folder:
        jobs, seconds, cpu_seconds = run_smoke(Path(folder), device.type)
    click.echo(f"{jobs} jobs, {seconds / jobs:.2f} s a job on the clock, {cpu_seconds / jobs:.2f} s of CPU time")
    if output is not None:
        start = seconds if device.type == "cuda" else cpu_seconds
        row = {"start_seconds": round(start / jobs, 2), "jobs": jobs, **provenance(device), "threads": 1}
        write_csv(output, list(row), [row])


if __name__ == "__main__":
    main()

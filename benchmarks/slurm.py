"""Measure the overhead of a SLURM job: submission, bookkeeping, start-up. Needs root and Debian's slurm-wlm, munge.

    python -m benchmarks.slurm --output results/benchmarks/slurm.csv

It starts a cluster of two nodes on this machine and sends it a workflow of the paper grid's shape (one job in 24 must
end before its 23 followers start) whose jobs do nothing. Each way of sending is measured on jobs that are only
submitted (the nodes are drained), on jobs that really start Snakemake on a node, and, without arrays, on jobs whose
command on the node is `touch`: what is left is the submitting side and SLURM.
"""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import click

from tests.checkout import make_checkout
from tests.slurm.cluster import NODES, Cluster

SNAKEFILE = """
N = int(config["trainings"])
rule all:
    input: [f"train/{i}" for i in range(N)]
rule pretrain:
    output: "pretrain/{i}"
    resources: mem_mb=10, runtime=10
    shell: "touch {output}"
rule train:
    input: lambda wildcards: f"pretrain/{int(wildcards.i) // 23}"
    output: "train/{i}"
    resources: mem_mb=10, runtime=10
    shell: "touch {output}"
"""
# Stands in for Python on the node: makes the job's output and nothing else.
TOUCH = r"""#!/bin/sh
for word; do case $word in train:i=*|pretrain:i=*) touch "${word%%:*}/${word#*=}";; esac; done
"""
ARRAYS = ("--slurm-array-jobs", "train,pretrain")


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        what: the way of sending.
        jobs: how many ended, or were submitted.
        seconds: from Snakemake's start to its end, or to the last submission.
        seconds_per_job: the same for one job.
    """

    what: str
    jobs: int
    seconds: float
    seconds_per_job: float


@contextmanager
def workflow(n: int) -> Iterator[Path]:
    """Yield a folder with the workflow."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Snakefile").write_text(SNAKEFILE)
        for sub in ("pretrain", "train", "bin"):
            (folder / sub).mkdir()
        shim = folder / "bin" / "python"
        shim.write_text(TOUCH)
        shim.chmod(0o755)
        yield folder


def begin(cluster: Cluster, folder: Path, n: int, *options: str, touch: bool = False) -> subprocess.Popen[bytes]:
    """Start Snakemake on the workflow; what it says goes to ``log``."""
    command = [sys.executable, "-m", "snakemake", "--executor", "slurm", "--jobs", "5000", "--scheduler", "greedy"]
    delays = ["--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"]
    site = ["--slurm-status-command", "squeue", "--slurm-no-account", "--latency-wait", "30"]
    environment = cluster.environment
    if touch:  # then jobs take the `python` they find
        command += ["--shared-fs-usage", "input-output", "persistence", "sources", "source-cache"]
        environment = environment | {"PATH": f"{folder}/bin:{environment['PATH']}"}
    with (folder / "log").open("wb") as log:
        arguments = [*command, *delays, *site, *options, "--config", f"trainings={n}"]
        return subprocess.Popen(arguments, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)


def whole(cluster: Cluster, what: str, n: int, *options: str, touch: bool = False, limit: float = 1500) -> Row:
    """All jobs from the start to their ends."""
    with workflow(n) as folder:
        started = time.monotonic()
        snakemake = begin(cluster, folder, n, *options, touch=touch)
        try:
            status = snakemake.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(snakemake.pid, signal.SIGKILL)
            cluster.run("scancel", "--user=root")
            return Row(
                f"{what}: NOT ENDED after {limit:g} s", len(list((folder / "train").iterdir())), limit, limit / n
            )
        seconds = time.monotonic() - started
        if status != 0:
            raise click.ClickException((folder / "log").read_text()[-3000:])
        jobs = sum(len(list((folder / name).iterdir())) for name in ("train", "pretrain"))
        return Row(what, jobs, seconds, seconds / jobs)


def submission(cluster: Cluster, what: str, n: int, *options: str) -> Row:
    """Jobs that are put into the queue of a drained cluster."""
    for node in NODES:
        cluster.run("scontrol", "update", f"nodename={node}", "state=drain", "reason=benchmark")
    with workflow(n) as folder:
        for i in range(-(-n // 23)):
            (folder / "pretrain" / str(i)).touch()
        started = time.monotonic()
        snakemake = begin(cluster, folder, n, *options)
        seconds, queued = 0.0, 0
        while snakemake.poll() is None and queued < n and time.monotonic() - started < 600:
            time.sleep(0.5)
            queued = len(cluster.run("squeue", "-h", "-r", "-o", "%i").split())
            seconds = time.monotonic() - started
        if snakemake.poll() is not None:
            raise click.ClickException((folder / "log").read_text()[-3000:])
        os.killpg(snakemake.pid, signal.SIGKILL)
        snakemake.wait()
    cluster.run("scancel", "--user=root")
    for node in NODES:
        cluster.run("scontrol", "update", f"nodename={node}", "state=resume")
    return Row(what, queued, seconds, seconds / max(1, queued))


def life(cluster: Cluster) -> list[Row]:
    """Where the time of a training's job goes: the smoke grid's, means over its jobs (SLURM knows whole seconds)."""
    with tempfile.TemporaryDirectory() as name:
        checkout = make_checkout(Path(name))
        command = [sys.executable, "-m", "snakemake", "--profile", "slurm", "--configfile", "presets/smoke.yaml"]
        delays = ["--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"]
        site = ["--slurm-status-command", "squeue", "--slurm-no-account", "--latency-wait", "30", "--quiet", "all"]
        results = checkout.folder / "results" / "smoke"
        subprocess.run([*command, *delays, *site, "--", "tables"], cwd=name, env=cluster.environment, check=True)
        parts = []
        for record in results.glob("runs/*/*/*/*/*/run.json"):
            log = results / "logs" / "train" / record.parent.relative_to(results / "runs").with_suffix(".log")
            content = json.loads(record.read_text())
            job = cluster.run("scontrol", "show", "job", content["slurm"]["SLURM_JOB_ID"])
            begin, end = (
                datetime.fromisoformat(re.search(rf"{field}Time=(\S+)", job)[1]).timestamp()
                for field in ("Start", "End")
            )
            # Birth times: the group's end touches its outputs.
            called, written, measured = (
                born(path)
                for path in (log, record, results / "logs" / "diagnose" / log.relative_to(results / "logs" / "train"))
            )
            seconds = content["final"]["seconds"]
            parts.append(
                (called - begin, written - called - seconds, seconds, measured - written, end - measured, end - begin)
            )
        names = (
            "Snakemake on the node, twice, until the script is called",
            "interpreter, torch, data, writing",
            "training and evaluation",
            "until the measurements are called",
            "measurements and Snakemake's end",
            "whole job",
        )
        means = [sum(column) / len(parts) for column in zip(*parts, strict=True)]
        return [Row(f"life of a job: {what}", len(parts), mean, mean) for what, mean in zip(names, means, strict=True)]


def born(path: Path) -> float:
    """When a file was made (coreutils knows; Python 3.11 does not)."""
    return float(subprocess.run(["stat", "-c", "%.W", path], check=True, capture_output=True, text=True).stdout)


@click.command(help=__doc__.splitlines()[0])
@click.option("--jobs", default=1440, show_default=True, help="Trainings where the node's side costs nothing.")
@click.option("--real", default=92, show_default=True, help="Trainings where each job starts Snakemake on its node.")
@click.option("--output", type=click.Path(path_type=Path), help="Also write a CSV.")
def main(jobs: int, real: int, output: Path | None) -> None:
    reason = Cluster.missing() or Cluster.obstacle()
    if reason is not None:
        raise click.ClickException(reason)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        cluster = Cluster(Path(name), cpus=16)
        try:
            cluster.start()
            for arguments in (
                (submission, "submission alone", jobs),
                (submission, "submission alone, arrays", jobs, *ARRAYS),
                (whole, "whole, Snakemake on the node", real),
                (whole, "whole, Snakemake on the node, arrays", real, *ARRAYS),
            ):
                measure, *rest = arguments
                rows.append(measure(cluster, *rest))
                click.echo(rows[-1])
            rows.append(whole(cluster, "whole, `touch` on the node", jobs, touch=True))
            click.echo(rows[-1])
        finally:
            cluster.stop()
    with tempfile.TemporaryDirectory() as name:
        # One job at a time on each of two nodes, as many as there are cores here.
        cluster = Cluster(Path(name), cpus=1)
        try:
            cluster.start()
            for row in life(cluster):
                rows.append(row)
                click.echo(row)
        finally:
            cluster.stop()
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(asdict(rows[0])))
            writer.writeheader()
            writer.writerows(asdict(row) for row in rows)


if __name__ == "__main__":
    main()

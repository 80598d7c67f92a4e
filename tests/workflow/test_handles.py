"""What is taken from Snakemake beside its documented interface is there, and does what it is taken for."""

import shutil
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

# Each heavy job writes how many of its kind run; light jobs that end meanwhile wake the scheduler.
SNAKEFILE = f"""
import sys
sys.path.insert(0, {str(REPOSITORY / "src")!r})
from badminima.errors import UserError
from badminima.workflow import handles

onstart:
    print("planned", *sorted(job.rule.name for job in handles.planned_jobs(workflow)), file=sys.stderr)
    before = workflow.scheduler.job_rate_limiter
    handles.lift_job_rate_limit(workflow)
    print("limit", before is not None, workflow.scheduler.job_rate_limiter is not None, file=sys.stderr)
    print("runs", handles.runs_in_a_job(workflow), file=sys.stderr)
    handles.limit_resource(workflow, "gpu", 1)
    try:
        handles.check_slurm(workflow)
    except UserError as error:
        sys.exit(str(error))

onsuccess:
    print("made", *sorted(map(str, handles.made_files(workflow))), file=sys.stderr)

rule all:
    input: "there.txt", expand("{{number}}.txt", number=range(3)), expand("{{number}}.light", number=range(3))

rule there:
    output: "there.txt"
    shell: "touch {{output}}"

rule heavy:
    output: "{{number}}.txt"
    resources: gpu=1
    shell: "touch on.{{wildcards.number}}; sleep 0.5; ls on.* | wc -l > {{output}}; rm on.{{wildcards.number}}"

rule light:
    output: "{{number}}.light"
    shell: "sleep 0.{{wildcards.number}}; touch {{output}}"
"""


@pytest.fixture
def snakemake(tmp_path):
    (tmp_path / "there.txt").touch()
    (tmp_path / "Snakefile").write_text(SNAKEFILE)

    def run(*arguments: str) -> list[str]:
        command = [sys.executable, "-m", "snakemake", "--quiet", "all", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stderr.splitlines()

    return run


def test_jobs_and_files_are_known_the_rate_is_no_longer_limited_and_a_resource_is(snakemake, tmp_path):
    planned, *others, made = snakemake("--cores", "8", "--group-components", "training=3")
    assert planned == "planned all heavy heavy heavy light light light"
    assert others == ["limit True False", "runs 3"]
    assert made == "made 0.light 0.txt 1.light 1.txt 2.light 2.txt there.txt"
    assert [(tmp_path / f"{number}.txt").read_text() for number in range(3)] == ["1\n"] * 3


def test_a_limit_that_somebody_asked_for_stays(snakemake):
    assert "limit True True" in snakemake("--cores", "8", "--max-jobs-per-timespan", "7/1s")


def test_without_slurm_or_its_accounting_a_line_says_what_to_do(snakemake, tmp_path, monkeypatch):
    slurm, folder = ["--executor", "slurm", "--jobs", "1"], tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "bash", "which"):
        (folder / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(folder))
    assert "executor slurm: found no program sbatch; log in to a cluster" in snakemake(*slurm)[-1]
    for name, script in {"sbatch": "", "sinfo": "", "sacct": "echo storage is disabled >&2; exit 1"}.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    line = snakemake(*slurm)[-1]
    assert "slurm-status-command: found 'sacct', which answers: storage is disabled; without accounting" in line

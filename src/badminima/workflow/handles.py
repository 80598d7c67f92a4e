"""All that this workflow takes from Snakemake beside its documented interface, each with its reason.

A new Snakemake may change any of it: ``tests/workflow/test_handles.py`` fails then.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from badminima.errors import UserError


def planned_jobs(workflow: Any) -> list[Any]:
    """Return the jobs that are about to run: nothing public keeps a laptop from starting the paper's grid."""
    return list(workflow.dag.needrun_jobs())


def made_files(workflow: Any) -> set[Path]:
    """Return the files of all jobs of a finished call that are there, whichever call made them.

    A logger is told of the jobs that ran alone: after an interruption it would not know of what ran before.
    """
    return {Path(file) for job in workflow.dag.jobs for file in job.output if Path(file).exists()}


def runs_in_a_job(workflow: Any) -> int:
    """Return how many runs share a job of a cluster (``--group-components``), which share its time."""
    components: int = workflow.group_settings.group_components.get("training", 1)
    return components


def share_resources(one: Any, other: Any) -> None:
    """Let what a profile or the command line sets for a rule hold for another one too: it is set by the rule's name."""
    other.rule.resources = one.rule.resources


def lift_job_rate_limit(workflow: Any) -> None:
    """Take off Snakemake's limit of 100 jobs a second; another one, which somebody asked for, stays.

    With a limit, each round of the scheduler starts a timer that wakes it for another round, so every job that ends
    leaves one more of them (snakemake/snakemake#3744): after a hundred jobs it works a hundred rounds a second. Over
    600 jobs of a tenth of a second Snakemake itself takes 14 CPU-seconds with it, and 7 without. No option turns it
    off.
    """
    limit = workflow.scheduler.job_rate_limiter
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


def limit_resource(workflow: Any, name: str, limit: int) -> None:
    """Let jobs that run at once ask for no more of a resource than ``limit``.

    A default profile can't say it: Snakemake cuts what a cluster's jobs ask for down to such a limit. In ``onstart``
    the scheduler is there already, with limits of its own.
    """
    workflow.register_resource(name, limit)
    workflow.scheduler.global_resources[name] = limit


def check_slurm(workflow: Any) -> None:
    """Raise UserError if jobs go to SLURM and it is not there, or if nobody would notice their end.

    Without accounting the executor plugin takes ``sacct`` wherever the program is installed, and waits for ever.
    """
    if workflow.executor_plugin.name != "slurm":
        return
    if shutil.which("sbatch") is None:
        raise UserError("executor slurm", "no program sbatch", "log in to a cluster with SLURM, or drop the profile")
    if workflow.executor_settings.status_command != "sacct":
        return
    question = ["sacct", "--allocations", "--noheader", "--starttime=now"]
    done = subprocess.run(question, capture_output=True, text=True)
    if done.returncode != 0:
        raise UserError(
            "slurm-status-command",
            f"'sacct', which answers: {done.stderr.strip()}",
            "without accounting, slurm/config.yaml needs 'slurm-status-command: squeue' and 'slurm-no-account: true'",
        )

"""Check what a cluster must have before jobs are sent to it, and ask it whether it would take them."""

import shlex
import shutil
import subprocess
from collections.abc import Iterable
from typing import Any

from badminima.errors import UserError

# A busy accounting database takes a while.
SECONDS = 60
# Words around the reason in what `sbatch --test-only` says.
PREFIXES = ("sbatch: error: ", "allocation failure: ", "sbatch: ")


def check_slurm() -> None:
    """Raise UserError if this machine has no SLURM to send jobs to."""
    if shutil.which("sbatch") is None:
        raise UserError(
            "executor slurm", "no program sbatch", "log in to a cluster with SLURM, or leave out the profile"
        )


def check_status_command(command: str | None) -> None:
    """Raise UserError if jobs' states would be asked of an accounting database that is not there.

    The executor plugin takes ``sacct`` wherever the program is installed, and then waits for ever for an answer.
    """
    if command != "sacct":
        return
    question = ["sacct", "--allocations", "--noheader", "--starttime=now"]
    try:
        done = subprocess.run(question, capture_output=True, text=True, timeout=SECONDS)
        answer = None if done.returncode == 0 else (done.stderr or done.stdout).strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        answer = str(error)
    if answer is not None:
        raise UserError(
            "slurm-status-command",
            f"'sacct', which answers: {answer}",
            "without accounting, slurm/config.yaml needs 'slurm-status-command: squeue' and 'slurm-no-account: true'",
        )


def one_of_each_kind(dag: Any, jobs: Iterable[Any]) -> dict[str, Any]:
    """Return the largest job of each kind that a cluster gets: those of a rule, or of a group, ask for the same.

    Args:
        dag: Snakemake's.
        jobs: its jobs that are to be run.
    """
    kinds: dict[str, Any] = {}
    for job in jobs:
        if not job.is_local:
            whole = dag.get_job_group(job) or job
            kind = job.group if whole.is_group() else job.rule.name
            if kind not in kinds or (whole.is_group() and len(whole.jobs) > len(kinds[kind].jobs)):
                kinds[kind] = whole
    return kinds


def check_submissions(executor: Any, kinds: dict[str, Any]) -> None:
    """Raise UserError if SLURM would refuse jobs of some kind; it is asked without sending any.

    Args:
        executor: the SLURM plugin's.
        kinds: a job of each kind, by its name.
    """
    for kind, job in kinds.items():
        reason = refusal(asking_command(executor, job))
        if reason is not None:
            names = ("slurm_partition", "runtime", "mem_mb", "threads", "gpu")
            asked = {name: job.resources.get("_cores" if name == "threads" else name) for name in names}
            found = ", ".join(f"{name}={value}" for name, value in asked.items() if value)
            raise UserError(
                f"SLURM, asked to take a job of {kind}",
                f"{found}, refused: {reason}",
                "change resources in the config (max_runtime, max_mem_mb are limits) or the lines of your site in "
                "slurm/config.yaml",
            )


def asking_command(executor: Any, job: Any) -> list[str]:
    """Return the command that asks SLURM whether it would take a job, with the options that the plugin sends it by."""
    from snakemake_executor_plugin_slurm.submit_string import get_submit_command
    from snakemake_executor_plugin_slurm.utils import set_gres_string

    named = {
        "run_uuid": "test",
        "slurm_logfile": "/dev/null",
        "comment_str": "test",
        "account": next(executor.get_account_arg(job)),
        "partition": executor.get_partition_arg(job),
        "workdir": executor.workflow.workdir_init,
    }
    command = get_submit_command(job, named, settings=executor.workflow.executor_settings) + set_gres_string(job)
    return [*shlex.split(command), "--test-only", "--wrap=true"]


def refusal(command: list[str]) -> str | None:
    """Return why SLURM would not take a job, in its own words; None where it would, or gives no answer in time."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode == 0:
        return None
    lines = dict.fromkeys((done.stderr or done.stdout).splitlines())
    for prefix in PREFIXES:
        lines = dict.fromkeys(line.removeprefix(prefix) for line in lines)
    return "; ".join(line.strip() for line in lines) or f"exit code {done.returncode}"

"""Check what a cluster must have before jobs are sent to it."""

import subprocess

from badminima.errors import UserError

# A busy accounting database takes a while.
SECONDS = 60


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

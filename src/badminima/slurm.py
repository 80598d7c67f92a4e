"""What a cluster must have before jobs are sent to it."""

import subprocess

from badminima.errors import UserError


def check_status_command(command: str | None) -> None:
    """Raise UserError if jobs' states would be asked of an accounting database that is not there.

    The executor plugin takes ``sacct`` wherever the program is installed, and then waits for ever for an answer.
    """
    if command != "sacct":
        return
    done = subprocess.run(["sacct", "--allocations", "--noheader", "--starttime=now"], capture_output=True, text=True)
    if done.returncode != 0:
        raise UserError(
            "slurm-status-command",
            f"'sacct', which answers: {(done.stderr or done.stdout).strip()}",
            "without accounting, slurm/config.yaml needs 'slurm-status-command: squeue' and 'slurm-no-account: true'",
        )

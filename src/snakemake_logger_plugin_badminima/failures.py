"""Find out why a job failed: from its log, from the signal that ended it, and from what the executor says.

A job is what Snakemake says of one that failed, with the ``signal`` that ended it, if one did. Its first log is its
own; others are the executor's.
"""

import re
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from signal import Signals
from typing import Any

# How much of a log is shown: lines, and characters of each. And bytes at its end that are looked through.
LINES, WIDTH, TAIL = 8, 400, 1 << 14
# Less free space than this, in bytes, counts as a full disk.
FULL = 1 << 20
# How the last line of a command that was stopped begins, or ends, or of Python that still imported.
STOPPED = r"Aborted!|KeyboardInterrupt|.*; the same command goes on from there"
# How a line begins that says why: a command's message, or the exception below a traceback, which may have more lines.
REASON = re.compile(rf"([A-Za-z_]\w*\.)*\w*(Error|Exception)\b|{STOPPED}")
# What an executor says after the reason: the command that it sent a job by, or where to look further.
AFTER_REASON = re.compile(r"\s*(sbatch call:|For further error details)")
# How a command ended by a signal, or its shell says that it did.
DIED = re.compile(r"died with <Signals\.(SIG\w+)|returned non-zero exit status (129|1[345]\d)\b")
# What SLURM says of a job that someone cancelled, and of one whose command ended by itself.
CANCELLED, FAILED = "'CANCELLED", "'FAILED'"
GO_ON = "stopped; the same command goes on"
# What signals say; who sends most of them wants the job to stop, and not because of anything it did.
MEANINGS = dict.fromkeys(("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU"), GO_ON)
MEANINGS["SIGKILL"] = "killed, as happens where memory is short"


def job_name(job: Mapping[str, Any]) -> str:
    """Return the rule, and the logs, which tell what it was run on."""
    return f"rule {job['rule_name']}, log: {', '.join(job['log'])}"


def reason_in_log(job: Mapping[str, Any]) -> list[str]:
    """Return the exception that a job's own log ends with, or that it was stopped."""
    lines = lines_of(*job["log"][:1])
    message = job["rule_msg"]
    # A signal or a cluster ended it: then errors before the end are those of attempts before.
    was_killed = job.get("signal") or (message and FAILED not in message)
    first = len(lines) - 1 if was_killed else 0
    found = [number for number, line in enumerate(lines) if number >= first and REASON.match(line)]
    return lines[found[-1] :][:LINES] if found else []


def reason_of(job: Mapping[str, Any]) -> list[str]:
    """Return the lines that tell what happened to a job."""
    in_log = reason_in_log(job)
    # The executor's log says why a job was killed that could not say so itself.
    lines = in_log or [line for log in job["log"] for line in lines_of(log)[-LINES:]]
    was_stopped = bool(lines and re.match(STOPPED, lines[-1]))
    if job["rule_msg"]:
        # Last, since a log may be that of an attempt before.
        lines.append(AFTER_REASON.split(job["rule_msg"])[0])
        was_stopped = CANCELLED in job["rule_msg"]
    if was_stopped:
        lines.append(GO_ON)
    elif job.get("signal") and not in_log:
        lines.append(f"{job['signal']}: {MEANINGS.get(job['signal'], 'crashed')}")
    for output in job["output"][:1]:
        folder = next(path for path in Path(output).parents if path.is_dir())
        if shutil.disk_usage(folder).free < FULL:
            lines.append(f"no space left on the disk of {folder}")
    return lines or ["its log says nothing, or is on another machine"]


def report(jobs: Collection[Mapping[str, Any]]) -> str:
    """Return a paragraph for each failed job: its rule, where its log is, and the end of that."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for job in jobs:
        alike.setdefault((job["rule_name"], *reason_of(job)), []).append(job_name(job))
    lines = [f"{len(jobs)} job{'s' * (len(jobs) > 1)} did not complete:"]
    for (_, *reason), (first, *others) in alike.items():
        lines += [first, *(f"    {line}" for line in reason)]
        lines += [f"    and {len(others):,} more with the same end"] if others else []
    return "\n".join(lines)


def signal_in(message: str) -> str | None:
    """Return the signal that ended a command, from what is said of its failure; None where none did."""
    died = DIED.search(message)
    return died and (died[1] or Signals(int(died[2]) - 128).name)


def lines_of(log: str = "") -> list[str]:
    """Return the lines at the end of a log that say something, long ones cut."""
    if not Path(log).is_file():
        return []
    lines = Path(log).read_bytes()[-TAIL:].decode(errors="replace").splitlines()
    return [line.rstrip()[:WIDTH] for line in lines if line.strip()]

"""Find out why a job failed: from its log, from the signal that ended it, and from what the executor says."""

import errno
import os
import re
import shutil
import signal
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from badminima.errors import GOES_ON

# How much of a log is shown: errors are one line each, a traceback is a few.
LINES = 8
WIDTH = 400
# Bytes at the end of a log that are read for that.
TAIL = 1 << 14
# Less free space than this, in bytes, counts as a full disk.
FULL = 1 << 20
NO_SPACE = os.strerror(errno.ENOSPC)
# How a line begins that says why: a command's message, or the exception below a traceback, which may have more lines.
REASON = re.compile(r"([A-Za-z_]\w*\.)*(\w*(Error|Exception)|KeyboardInterrupt)\b")
# How the one line of a command begins that says all there is to say of a user's mistake.
MESSAGE = "Error: "
# What an executor says after the reason: the command that it sent a job by, or where to look further.
AFTER_REASON = re.compile(r"\n\s*sbatch call:.*|\s*For further error details see the cluster.*", re.DOTALL)
# How a command ended: by a signal, or as its shell says that it did.
DIED = re.compile(r"died with <Signals\.(SIG\w+)|returned non-zero exit status (\d+)")
SHELL_SIGNAL = 128
# Who sends these wants the job to stop, and not because of anything it did.
STOPPING = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
# What a command says last that was stopped by Ctrl-C, or Python below a traceback where it was still importing; and
# what an executor says of a job that someone cancelled.
ABORTED = ("Aborted!", "KeyboardInterrupt")
CANCELLED = "'CANCELLED"
# What SLURM says of a job whose command ended by itself.
FAILED = "'FAILED'"


@dataclass(frozen=True)
class Failure:
    """A job that failed.

    Attributes:
        rule: its rule.
        message: what the executor said of it, if it said anything.
        logs: its own log, then what the executor kept of it.
        outputs: the files that it would have written.
        signal: the signal that ended it, if one did.
    """

    rule: str
    message: str | None
    logs: tuple[Path, ...]
    outputs: tuple[Path, ...]
    signal: str | None = None

    @classmethod
    def of_event(
        cls, event: Mapping[str, Any], more_logs: Sequence[str] = (), signal_name: str | None = None
    ) -> "Failure":
        """Take what Snakemake says of a failed job; file names may come with a remark in brackets."""
        logs, outputs = (
            tuple(Path(path.split(" (")[0]) for path in paths)
            for paths in ([*event["log"], *more_logs], event["output"])
        )
        return cls(event["rule_name"], reason_of(event["rule_msg"]), logs, outputs, signal_name)

    @property
    def job(self) -> str:
        """The rule and what it was run on: the place of its log under ``logs/``."""
        parts = self.logs[0].with_suffix("").parts if self.logs else ()
        below = parts[len(parts) - parts[::-1].index("logs") :] if "logs" in parts else parts
        return ", ".join(filter(None, (f"rule {self.rule}", "/".join(below))))

    @property
    def was_retried(self) -> bool:
        """Whether all outputs are there: a later attempt has written them."""
        return bool(self.outputs) and all(path.exists() for path in self.outputs)

    @property
    def was_killed(self) -> bool:
        """Whether a signal or a cluster ended the job: then errors in its log are those of attempts before."""
        return bool(self.signal or (self.message and FAILED not in self.message))

    @property
    def gives_reason(self) -> bool:
        """Whether the job's own log says why: by an exception, or that the job was stopped."""
        lines = self._end_of(self.logs[0]) if self.logs else []
        said = lines[-1:] if self.was_killed else lines
        return any(GOES_ON in line or REASON.match(line) for line in said)

    def lines(self) -> list[str]:
        """Return the lines that tell what happened."""
        # The executor's log says why a job was killed that could not say so itself.
        logs = self.logs[:1] if self.gives_reason else self.logs
        lines = [line for log in logs for line in self._end_of(log)]
        aborted = bool(lines) and lines[-1] in ABORTED
        if aborted:
            lines = []
        if self.message:
            # Last, since a log may be that of an attempt before.
            lines.append(self.message)
            if CANCELLED in self.message:
                lines.append("stopped from outside; the same command goes on")
        elif aborted or (lines and GOES_ON in lines[-1]):
            lines.append("stopped; the same command goes on")
        elif not self.gives_reason and self.signal:
            lines.append(meaning_of(self.signal))
        elif not lines and not any(log.exists() for log in self.logs):
            lines.append("it did not start, or another machine has its log; Snakemake passes on no reason")
        elif not lines:
            lines.append("its log says nothing")
        if self._disk_is_full() and not any(NO_SPACE in line for line in lines):
            lines.append(f"no space left on the disk of {self.outputs[0].parent}")
        return lines

    def _end_of(self, log: Path) -> list[str]:
        """Return the last exception of a log, with what is below it, where it tells of this attempt; else the end."""
        lines = lines_of(log)
        starts = [number for number, line in enumerate(lines) if REASON.match(line)]
        if starts and not self.was_killed:
            # A command's message says all there is to say; an exception comes with the lines before it, if they fit.
            is_message = lines[starts[-1]].startswith(MESSAGE)
            first = starts[-1] if is_message else min(starts[-1], max(0, len(lines) - LINES))
            return lines[first:][:LINES]
        return lines[-1:] if lines and lines[-1].startswith(MESSAGE) else lines[-LINES:]

    def _disk_is_full(self) -> bool:
        folder = next((path for path in self.outputs[0].parents if path.is_dir()), None) if self.outputs else None
        return folder is not None and shutil.disk_usage(folder).free < FULL


def report(failures: Collection[Failure]) -> str:
    """Return a paragraph for each failed job: its rule and run, the end of its log, and where that is."""
    # With --keep-incomplete the outputs of a failed job are there too: then all are named.
    failed = [failure for failure in failures if not failure.was_retried] or list(failures)
    paragraphs = [f"{len(failed)} job{'s' * (len(failed) > 1)} did not complete:"]
    alike: dict[tuple[str, ...], list[Failure]] = {}
    for failure in failed:
        alike.setdefault((failure.rule, *failure.lines()), []).append(failure)
    for (_, *lines), (first, *others) in alike.items():
        logs = [f"log: {log}" for log in first.logs if log.exists()]
        more = [f"and {len(others):,} more with the same end"] if others else []
        paragraphs.append("\n    ".join([first.job, *lines, *logs, *more]))
    return "\n".join(paragraphs)


def reason_of(message: str | None) -> str | None:
    """Return what an executor says of a failed job without the command that it was sent by, if it says anything."""
    return AFTER_REASON.sub("", message).strip() or None if message else None


def signal_in(message: str) -> str | None:
    """Return the signal that ended a command, from what is said of its failure; None where none did."""
    died = DIED.search(message)
    if died is None:
        return None
    if died[1]:
        return died[1]
    try:
        return signal.Signals(int(died[2]) - SHELL_SIGNAL).name
    except ValueError:
        return None


def meaning_of(name: str) -> str:
    """Return what a signal says of the job that it ended."""
    if name in STOPPING:
        return f"stopped from outside ({name}); the same command goes on"
    if name == "SIGKILL":
        return "killed (SIGKILL), as happens where memory is short"
    return f"crashed ({name})"


def lines_of(log: Path) -> list[str]:
    """Return the lines at the end of a log that say something, long ones cut."""
    try:
        with log.open("rb") as handle:
            handle.seek(max(0, log.stat().st_size - TAIL))
            text = handle.read().decode(errors="replace")
    except OSError:
        return []
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return [line if len(line) <= WIDTH else f"{line[:WIDTH]} ..." for line in lines]

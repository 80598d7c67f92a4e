"""A logger of Snakemake's that shows how far the trainings are: ``snakemake --logger badminima``.

Snakemake finds it by its name. On a terminal it shows a bar, elsewhere a line every few seconds; each figure is named
when it is there, warnings and errors are shown, and a failed job is named at once. While no job
finishes, it shows one that runs, with the last line of its log.

Snakemake imports this before it reads a Snakefile, which says where the library lies: so nothing of that is imported
until jobs are planned.
"""

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:
    from badminima.cli import Progress

# What is counted beside jobs, by the rule that makes it, in the order that it is made.
COUNTED = {"pretrain": "pretrainings", "train": "trainings"}
# Seconds between two lines where there is no terminal, and between two looks at what runs.
EVERY = 15.0


class LogHandler(LogHandlerBase):
    """Count finished jobs, pretrainings and trainings of those that are planned."""

    def __post_init__(self) -> None:
        """Begin with nothing planned."""
        self._planned: dict[str, int] = {}
        self._running: dict[int, tuple[str, list[str], list[str]]] = {}
        self._finished: list[str] = []
        self._since = time.monotonic()
        self._progress: Progress | None = None
        self._news: set[str] = set()
        self._closed = threading.Event()

    @property
    def writes_to_stream(self) -> bool:
        """Take the place of Snakemake's own messages."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Write no file."""
        return False

    @property
    def has_filter(self) -> bool:
        """See every message, whatever is quiet."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Format nothing."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Need no graph of the rules."""
        return False

    def emit(self, record: logging.LogRecord) -> None:
        """Take in one message of Snakemake's."""
        content = record.__dict__
        event = content.get("event")
        if event == LogEvent.RUN_INFO and self._progress is None:
            self._begin(content["stats"])
        elif event == LogEvent.JOB_INFO:
            self._running[content["jobid"]] = (content["rule_name"], list(content["output"]), list(content["log"]))
        elif event == LogEvent.JOB_FINISHED:
            self._finish(content["job_id"])
        elif event == LogEvent.JOB_ERROR:
            self._running.pop(content["jobid"], None)
            self._say(f"failed: rule {content['rule_name']}, log: {', '.join(content['log'])}")
        elif is_news(record):
            # Of a SIGTERM Snakemake tells again with each job that ends.
            if record.getMessage() not in self._news:
                self._news.add(record.getMessage())
                self._say(record.getMessage())
        elif event != LogEvent.GROUP_ERROR and record.levelno >= logging.WARNING:
            self._say(record.getMessage())

    def close(self) -> None:
        """Leave the terminal in order."""
        self._closed.set()
        if self._progress is not None:
            self._progress.close()
        super().close()

    def _begin(self, stats: dict[str, Any]) -> None:
        from badminima.cli import Progress

        self._planned = {rule: int(count) for rule, count in stats.items() if rule != "total"}
        self._since = time.monotonic()
        jobs = sum(self._planned.values())
        among = [f"{self._count(self._planned, rule)} {name}" for rule, name in self._counted()]
        self._say(f"jobs: {jobs}" + (f", among them {' and '.join(among)}" if among else ""))
        self._progress = Progress(jobs, "jobs", every=EVERY)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        """Show the job that has run longest, again and again."""
        while not self._closed.wait(EVERY):
            if self._progress is not None and (running := list(self._running.values())):
                rule, _, logs = running[0]
                self._progress.update(len(self._finished), f"{rule}: {_last_line(logs)}")

    def _finish(self, job: int) -> None:
        rule, outputs, _ = self._running.pop(job, ("", [], []))
        self._finished.append(rule)
        for path in outputs:
            if path.endswith(".png"):
                self._say(f"figure {path}")
        if self._progress is not None:
            done = Counter(self._finished)
            counted = [
                f"{name} {self._count(done, rule)}/{self._count(self._planned, rule)}" for rule, name in self._counted()
            ]
            self._progress.update(len(self._finished), ", ".join([*counted, self._left()]))

    def _left(self) -> str:
        """Return about how long it will take still, as if the jobs to come were like those done."""
        planned, done = sum(self._planned.values()), len(self._finished)
        seconds = (time.monotonic() - self._since) * (planned - done) / done
        return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"

    def _counted(self) -> list[tuple[str, str]]:
        """Return the rules that are counted, with what they make, as far as any is planned."""
        return [(rule, name) for rule, name in COUNTED.items() if self._count(self._planned, rule)]

    def _count(self, counts: Mapping[str, int], counted: str) -> int:
        # A workflow that imports this one puts a name of its own before each rule's.
        return sum(count for rule, count in counts.items() if rule.rpartition("_")[2] == counted)

    def _say(self, text: str) -> None:
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)  # above the bar, if there is one


def _last_line(logs: list[str]) -> str:
    """Return the last line of a job's log; empty if there is none yet."""
    lines = [line for log in logs if Path(log).is_file() for line in Path(log).read_text(errors="replace").splitlines()]
    return lines[-1].strip() if lines else ""


def is_news(record: logging.LogRecord) -> bool:
    """Return whether a message says that there is nothing to do, or that no more will be started after a SIGTERM."""
    return record.getMessage().startswith(("Nothing to be done", "Will exit after finishing"))

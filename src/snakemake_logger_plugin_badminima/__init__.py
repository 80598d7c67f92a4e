"""The one place that talks to people while Snakemake runs: ``profiles/default`` names it as the logger.

It shows progress (a bar on a terminal, else a line every few seconds; while no job ends, the last line of the log of
one that runs), each figure when it is there, warnings and
errors; at the end each failed job with the end of its log, or what the workflow says that it has made. ``--quiet all``
leaves errors and failed jobs. A dry run, and whatever asks Snakemake for more, is Snakemake's own output, with the
failed jobs at the end.

Snakemake imports this before it reads a Snakefile, which says where the library lies: so nothing of that is imported
until jobs are planned.
"""

import logging
import re
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
    from badminima.workflow.failures import Failure

# What is counted beside jobs, by the rule that makes it, in the order that it is made.
COUNTED = {"pretrain": "pretrainings", "train": "trainings"}
# Seconds between two lines where there is no terminal, and between two looks at what runs.
EVERY = 15.0
# The rules that print something in a moment.
QUICK = {"help", "plan", "config"}
# Options that ask Snakemake for more than this shows.
MORE = ("verbose", "printshellcmds", "debug_dag", "show_failed_logs")
# Events of the workflow's own: the targets that there are, and a line of what was made.
TARGETS, ENDING = "targets", "ending"
# Exceptions that only repeat that a job's command has failed.
JOB_EXCEPTIONS = ("RuleException", "CalledProcessError", "SpawnedJobError")
# Of jobs that share one Snakemake passes on nothing that the executor says.
REFUSED = "the cluster refused or lost this job: Snakemake passes on no reason for runs that share one"
NO_RULE = re.compile(r"No rule to produce (\S+)")
# How messages without an event begin that tell nobody anything.
NOISE = re.compile(
    r"WorkflowError:\nAt least one job|Building DAG|Config file |Using shell|Conda env|Singularity|Group jobs|"
    r"Select jobs|Complete log|Elapsed time|Removing output|Shutting down|Exiting because|"
    r"Job .* has been submitted|Cleaning up SLURM|Assuming|$"
)


class LogHandler(LogHandlerBase):
    """Show progress, failures and the ending."""

    def __post_init__(self) -> None:
        """Begin with nothing planned."""
        quiet = {choice.name for choice in getattr(self.common_settings, "quiet", None) or ()}
        asked = {name for name in ("dryrun", *MORE) if getattr(self.common_settings, name, False)}
        self._is_plain = "dryrun" in asked or bool(asked and "ALL" not in quiet)
        self._shows_news = "ALL" not in quiet and not self._is_plain
        self._shows_progress = self._shows_news and "PROGRESS" not in quiet
        self._targets: Mapping[str, Any] | None = None
        self._planned: dict[str, int] = {}
        self._running: dict[int, tuple[str, list[str], list[str]]] = {}
        self._has_started = False
        self._finished: list[str] = []
        self._failures: dict[tuple[str, ...], Failure] = {}
        self._signals: dict[int | None, str | None] = {}
        self._has_errors = False
        self._since = time.monotonic()
        self._progress: Progress | None = None
        self._said: set[str] = set()
        self._is_over = threading.Event()

    @property
    def writes_to_stream(self) -> bool:
        """Take the place of Snakemake's own messages, unless they are asked for."""
        return not self._is_plain

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
        if event == TARGETS:
            self._targets = content
        elif event in (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR):
            self._fail(content)
        elif record.levelno >= logging.ERROR:
            self._error(record)
        elif event == LogEvent.RUN_INFO and not self._planned:
            self._begin(content["stats"])
        elif event == LogEvent.JOB_INFO:
            self._has_started = not self._is_plain
            self._running[content["jobid"]] = (content["rule_name"], list(content["output"]), list(content["log"]))
        elif event == LogEvent.JOB_FINISHED:
            self._finish(content["job_id"])
        elif self._shows_news and (event in (None, ENDING) or record.levelno >= logging.WARNING):
            text = record.getMessage()
            # Of a SIGTERM Snakemake tells again with each job that ends.
            if text not in self._said and (event == ENDING or not NOISE.match(text)):
                self._said.add(text)
                self._say(text)

    def close(self) -> None:
        """Say how it ended, and leave the terminal in order."""
        self._is_over.set()
        if self._progress is not None:
            self._progress.close()
        if self._failures:
            from badminima.workflow.failures import report

            self._say(report(self._failures.values()))
        elif self._has_started and not self._has_errors and len(self._finished) < sum(self._planned.values()):
            self._say("stopped; the same command goes on")
        self._failures, self._has_started = {}, False
        super().close()

    def _begin(self, stats: dict[str, Any]) -> None:
        self._planned = {rule: int(count) for rule, count in stats.items() if rule != "total"}
        self._since = time.monotonic()
        jobs = sum(self._planned.values())
        if self._shows_progress and {rule.rpartition("_")[2] for rule in self._planned} - QUICK:
            from badminima.cli import Progress

            among = [f"{self._count(self._planned, rule)} {name}" for rule, name in self._counted()]
            self._say(f"jobs: {jobs}" + (f", among them {' and '.join(among)}" if among else ""))
            self._progress = Progress(jobs, "jobs", every=EVERY)
            threading.Thread(target=self._watch, args=[self._progress], daemon=True).start()

    def _watch(self, progress: "Progress") -> None:
        """Show the job that has run longest, again and again."""
        while not self._is_over.wait(EVERY):
            if running := list(self._running.values()):
                rule, _, logs = running[0]
                progress.update(len(self._finished), ": ".join(filter(None, (rule, _last_line(logs)))))

    def _finish(self, job: int) -> None:
        rule, outputs, _ = self._running.pop(job, ("", [], []))
        self._finished.append(rule)
        self._failures.pop((rule, *outputs), None)  # a later attempt has made it
        if self._progress is not None:
            for path in outputs:
                if path.endswith(".png"):
                    self._say(f"figure {path}")
            done = Counter(self._finished)
            counted = [
                f"{name} {self._count(done, rule)}/{self._count(self._planned, rule)}" for rule, name in self._counted()
            ]
            self._progress.update(len(self._finished), ", ".join([*counted, self._left()]))

    def _fail(self, content: Mapping[str, Any]) -> None:
        """Remember a job that failed; a group fails as a whole, so of its jobs those that say why, or all."""
        from badminima.workflow.failures import Failure

        self._running.pop(content.get("jobid", -1), None)
        if content.get("indent"):
            return  # a member of a group, which has been taken in
        if content["event"] == LogEvent.GROUP_ERROR:
            # A job that started has a log of the executor's.
            more = {} if content["aux_logs"] else {"rule_msg": REFUSED}
            members = [Failure.of_event(job | more, content["aux_logs"]) for job in content["job_error_info"]]
            failed = [member for member in members if member.gives_reason] or members
        else:
            failed = [Failure.of_event(content, signal_name=self._signals.pop(content.get("thread"), None))]
        for failure in failed:
            self._failures[failure.rule, *map(str, failure.outputs)] = failure
            if self._progress is not None:
                self._say(f"failed: {failure.job}; log: {', '.join(map(str, failure.logs))}")

    def _error(self, record: logging.LogRecord) -> None:
        """Show an error that is no failed job's, with what may have been meant by a target that is not there."""
        text = record.getMessage()
        if record.__dict__.get("exception") in JOB_EXCEPTIONS:
            from badminima.workflow.failures import signal_in

            # Said just before the job is named, in the thread that waited for it.
            self._signals[record.thread] = signal_in(text)
        elif not NOISE.match(text):
            self._has_errors = True
            if not self._is_plain:
                self._say(text)
            missing = NO_RULE.search(text)
            if missing and self._targets is not None:
                from badminima.workflow.targets import advice

                self._say(advice(missing[1], *(self._targets[key] for key in ("names", "presets", "lacking"))))

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
        if text:
            from tqdm import tqdm

            tqdm.write(text, file=sys.stderr)  # above the bar, if there is one


def _last_line(logs: list[str]) -> str:
    """Return the last line of a job's log; empty if there is none yet."""
    lines = [line for log in logs if Path(log).is_file() for line in Path(log).read_text(errors="replace").splitlines()]
    return lines[-1].strip() if lines else ""

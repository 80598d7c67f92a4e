"""The one place that talks to people while Snakemake runs: ``profiles/default`` names it as the logger.

It shows progress (a bar on a terminal, else a line every few seconds; while no job ends, the last line of the log of
one that runs), each figure when it is there, warnings and errors; at the end each failed job with the end of its log,
or what the workflow says that it has made. ``--quiet all`` leaves errors and failed jobs. A dry run, and whatever asks
Snakemake for more, is Snakemake's own output, with the failed jobs at the end.

Snakemake imports this before it reads a Snakefile, which says where the library lies: so nothing of that is imported
until jobs are planned. ``failures`` needs nothing of it.
"""

import logging
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_badminima.failures import job_name, lines_of, reason_in_log, report, signal_in

# What is counted beside jobs, by the rule that makes it, in the order that it is made.
COUNTED = {"pretrain": "pretrainings", "train": "trainings"}
# Seconds between two lines where there is no terminal, and between two looks at what runs.
EVERY = 15.0
# The rules that print something in a moment, beside `record_config`.
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

    # Every message comes, whatever is quiet; nothing is formatted, and no file written.
    has_filter = has_formatter = True
    writes_to_file = needs_rulegraph = False

    def __post_init__(self) -> None:
        """Begin with nothing planned."""
        quiet = {choice.name for choice in self.common_settings.quiet or ()}
        asks_for_more = "ALL" not in quiet and any(getattr(self.common_settings, name) for name in MORE)
        self._is_plain = self.common_settings.dryrun or asks_for_more
        self._shows_news = "ALL" not in quiet and not self._is_plain
        self._shows_progress = self._shows_news and "PROGRESS" not in quiet
        self._targets: Mapping[str, Any] | None = None
        self._planned: Counter[str] = Counter()
        self._finished: Counter[str] = Counter()
        self._running: dict[int, Mapping[str, Any]] = {}
        self._failures: dict[int, Mapping[str, Any]] = {}
        self._signals: dict[int | None, str | None] = {}
        self._has_errors = False
        self._progress: Any = None
        self._said: set[str] = set()
        self._is_over = threading.Event()

    @property
    def writes_to_stream(self) -> bool:
        """Take the place of Snakemake's own messages, unless they are asked for."""
        return not self._is_plain

    def emit(self, record: logging.LogRecord) -> None:
        """Take in one message of Snakemake's."""
        content, event = record.__dict__, getattr(record, "event", None)
        if event == TARGETS:
            self._targets = content
        elif event in (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR):
            self._fail(content)
        elif record.levelno >= logging.ERROR:
            self._error(content, record.getMessage())
        elif event == LogEvent.RUN_INFO and not self._planned:
            self._begin(content["stats"])
        elif event == LogEvent.JOB_INFO:
            self._running[content["jobid"]] = content
        elif event == LogEvent.JOB_FINISHED:
            self._finish(content["job_id"])
        elif self._shows_news and (event in (None, ENDING) or record.levelno >= logging.WARNING):
            text = record.getMessage()
            # Of a SIGTERM Snakemake tells again with each job that ends.
            if text not in self._said and not NOISE.match(text):
                self._said.add(text)
                self._say(text)

    def close(self) -> None:
        """Say how it ended, and leave the terminal in order."""
        has_begun = bool(self._finished or self._running) and not self._is_plain and not self._is_over.is_set()
        self._is_over.set()
        if self._progress is not None:
            self._progress.close()
        if self._failures:
            self._say(report(self._failures.values()))
        elif has_begun and not self._has_errors and self._finished.total() < self._planned.total():
            self._say("stopped; the same command goes on")
        self._failures = {}
        super().close()

    def _begin(self, stats: Mapping[str, int]) -> None:
        self._since = time.monotonic()
        for rule, count in stats.items():
            self._planned[_kind(rule)] += int(count)
        del self._planned["total"]
        if self._shows_progress and self._planned.keys() - QUICK:
            from badminima.cli import Progress

            self._progress = Progress(self._planned.total(), "jobs", every=EVERY)
            threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._is_over.wait(EVERY):
            self._show()

    def _show(self) -> None:
        """Show what is done, about how long the rest takes if it is like that, and the job that has run longest."""
        planned, done = self._planned, self._finished.total()
        shown = [f"{name} {self._finished[rule]}/{planned[rule]}" for rule, name in COUNTED.items() if planned[rule]]
        if done:
            seconds = (time.monotonic() - self._since) * (planned.total() / done - 1)
            shown.append(f"about {timedelta(seconds=round(seconds))} left")
        for job in list(self._running.values())[:1]:
            said = [line for log in job["log"] for line in lines_of(log)[-1:]]
            shown.append(": ".join([job["rule_name"], *said]))
        self._progress.update(done, ", ".join(shown))

    def _finish(self, jobid: int) -> None:
        self._failures.pop(jobid, None)  # a later attempt has made it
        if job := self._running.pop(jobid, None):
            self._finished[_kind(job["rule_name"])] += 1
            if self._progress is not None:
                for path in job["output"]:
                    if path.endswith(".png"):
                        self._say(f"figure {path}")
                self._show()

    def _fail(self, content: Mapping[str, Any]) -> None:
        """Remember a job that failed; a group fails as a whole, so of its jobs those that say why, or all."""
        self._running.pop(content.get("jobid", -1), None)
        if content.get("indent"):
            return  # a member of a group, which has been taken in
        if content["event"] == LogEvent.GROUP_ERROR:
            logs = content["aux_logs"]
            # A job that started has a log of the executor's.
            more = {} if logs else {"rule_msg": REFUSED}
            members = [{**job, **more, "log": [*job["log"], *logs]} for job in content["job_error_info"]]
            failed = [job for job in members if reason_in_log(job)] or members
        else:
            failed = [{**content, "signal": self._signals.pop(content["thread"], None)}]
        for job in failed:
            self._failures[job["jobid"]] = job
            if self._shows_progress:
                self._say(f"failed: {job_name(job)}")

    def _error(self, content: Mapping[str, Any], text: str) -> None:
        """Show an error that is no failed job's, with what may have been meant by a target that is not there."""
        if content.get("exception") in JOB_EXCEPTIONS:
            # Said just before the job is named, in the thread that waited for it.
            self._signals[content["thread"]] = signal_in(text)
        elif not NOISE.match(text):
            self._has_errors = True
            if not self._is_plain:
                self._say(text)
            missing = NO_RULE.search(text)
            if missing and self._targets is not None:
                from badminima.workflow.targets import advice

                self._say(advice(missing[1], *(self._targets[key] for key in ("names", "presets", "lacking"))))

    def _say(self, text: str) -> None:
        if text:
            from tqdm import tqdm

            tqdm.write(text, file=sys.stderr)  # above the bar, if there is one


def _kind(rule: str) -> str:
    """Return a rule's name without that of a workflow that imports this one."""
    return rule.rpartition("_")[2]

"""Trainings as real processes that start at once: forked from a server that has torch loaded already."""

import multiprocessing
import os
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import click
import pandas as pd
import torch

from badminima.cli import one_line_errors
from badminima.experiment.paths import RUN_FILES
from badminima.experiment.settings import TrainSettings
from badminima.training.graphs import Learner
from badminima.training.job import train

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.faults.jobs"])
EVERY_STEP = 0.0


@dataclass(frozen=True)
class Job:
    """A training to run.

    Attributes:
        settings: its settings.
        prepared, start: its inputs.
        output: its folder.
        restart_seconds: time between restart points.
        slow: seconds added to each step, so that a test can act in the middle.
    """

    settings: TrainSettings
    prepared: Path
    start: Path
    output: Path
    restart_seconds: float = EVERY_STEP
    slow: float = 0.0

    def begin(self) -> multiprocessing.Process:
        """Start it; stderr goes to ``output.log``."""
        process = CONTEXT.Process(target=_run, args=(self,))
        process.start()
        return process

    def finish(self) -> int:
        """Run it to its end; gives the exit code."""
        process = self.begin()
        process.join()
        return process.exitcode

    @property
    def log(self) -> str:
        """Return what it said on stderr, in all its attempts."""
        return self.output.with_suffix(".log").read_text()


def _run(job: Job) -> None:
    descriptor = os.open(job.output.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
    if job.slow:
        _slow_down(job.slow)
    torch.set_num_threads(1)
    command = click.command()(
        one_line_errors(lambda: train(job.settings, job.prepared, job.start, job.output, job.restart_seconds))
    )
    try:
        command(args=[])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _slow_down(seconds: float) -> None:
    """Make each step take longer; what it computes stays the same."""
    learn = Learner.__call__

    def slow_step(self, images, labels, learning_rate):
        time.sleep(seconds)
        return learn(self, images, labels, learning_rate)

    Learner.__call__ = slow_step


def undisturbed(job: Job) -> Job:
    """Run the same training to its end in another folder."""
    other = replace(job, output=job.output.with_name("undisturbed"), slow=0.0, restart_seconds=1000)
    assert other.finish() == 0, other.log
    return other


def assert_same(one: Job, other: Job) -> None:
    """Both left the same weights, predictions and history, and nothing but a run's files."""
    for name in ("weights.safetensors", "predictions.safetensors"):
        assert (one.output / name).read_bytes() == (other.output / name).read_bytes()
    histories = [
        pd.read_csv(job.output / "history.csv").drop(columns=["seconds", "images_per_second"]) for job in (one, other)
    ]
    pd.testing.assert_frame_equal(*histories)
    for job in (one, other):
        assert sorted(path.name for path in job.output.iterdir()) == sorted(RUN_FILES)

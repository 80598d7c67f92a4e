"""Clusters, checkouts and submissions for the tests on SLURM."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from badminima.config import AdversarialInit
from badminima.runs import Paths, all_runs, pretrained_inits
from tests.slurm.cluster import Cluster
from tests.workflow.conftest import Checkout, make_checkout, smoke

__all__ = ["smoke"]

WEIGHTS = "weights.safetensors"

# Short delays for a cluster that is at hand.
PROMPT = [
    *("--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2", "--latency-wait", "30"),
]
# What a site without accounting adds.
NO_ACCOUNTING = ["--slurm-status-command", "squeue", "--slurm-no-account"]


def started(folder: Path, accounting: bool = False):
    """Yield a cluster; every way out stops it."""
    reason = Cluster.missing(accounting)
    if reason is not None:
        pytest.skip(f"no SLURM cluster here: {reason}")
    cluster = Cluster(folder, accounting=accounting)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    yield from started(tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="module")
def cluster_with_accounting(tmp_path_factory):
    yield from started(tmp_path_factory.mktemp("accounting"), accounting=True)


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    return make_checkout(tmp_path / "checkout")


@dataclass
class Submitted:
    """A `snakemake --profile slurm` at work.

    Attributes:
        cluster: where its jobs go.
        process: the submitting Snakemake.
    """

    cluster: Cluster
    process: subprocess.Popen[str]

    @classmethod
    def start(
        cls,
        cluster: Cluster,
        checkout: Checkout,
        *targets: str,
        config: tuple[str, ...] = (),
        options: tuple[str, ...] = (),
        preset: str = "smoke",
        site: list[str] | None = None,
    ) -> "Submitted":
        """Start it in a checkout; every rule that can use a GPU asks for one."""
        site = site if site is not None else [] if cluster.accounting else NO_ACCOUNTING
        command = [sys.executable, "-m", "snakemake", "--profile", "slurm", *site, *PROMPT, *options]
        gpus = "resources={train: {gpu: 1}, pretrain: {gpu: 1}, diagnose: {gpu: 1}}"
        return cls(
            cluster,
            subprocess.Popen(
                [*command, "--configfile", f"presets/{preset}.yaml", "--config", gpus, *config, "--", *targets],
                cwd=checkout.folder,
                env=cluster.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            ),
        )

    def end(self, seconds: float = 400) -> str:
        """Wait for its end; gives what it printed."""
        try:
            output, _ = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            queue = self.cluster.run("squeue", "-l")
            raise AssertionError(f"did not end in {seconds} s\n{queue}\n{self.cluster.logs()}") from None
        return output

    def succeed(self, seconds: float = 400) -> str:
        """Wait for its end, which must be a success; gives what it printed."""
        output = self.end(seconds)
        assert self.process.returncode == 0, output[-5000:] + self.cluster.logs()
        return output


def records(checkout: Checkout, preset: str) -> list[dict]:
    """run.json of every training and pretraining of a preset."""
    config, paths = checkout.config(preset), Paths(checkout.folder / "results" / preset)
    runs = [paths.run(run) for run in all_runs(config)]
    inits = {
        paths.init(run.dataset, run.model, init, run.seed)
        for run in all_runs(config)
        for study in config.studies.values()
        for init in pretrained_inits(config, study)
    }
    assert any(isinstance(init, AdversarialInit) for init in config.inits.values()) == bool(inits)
    return [json.loads((folder / "run.json").read_text()) for folder in [*runs, *sorted(inits)]]


def assert_same_weights(checkout: Checkout, local: Checkout, preset: str) -> None:
    here, there = (Paths(each.folder / "results" / preset) for each in (checkout, local))
    for run in all_runs(checkout.config(preset)):
        assert (here.run(run) / WEIGHTS).read_bytes() == (there.run(run) / WEIGHTS).read_bytes()

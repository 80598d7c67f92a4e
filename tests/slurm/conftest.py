"""Clusters, checkouts and submissions for the tests on SLURM."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import yaml

from badminima.experiment.paths import Paths
from badminima.experiment.runs import all_runs, pretrained_inits
from tests.checkout import Checkout, make_checkout
from tests.slurm.cluster import ENDS_WITH_ITS_PARENT, Cluster

WEIGHTS = "weights.safetensors"

# Marks tests that need the cluster that keeps accounts; the others get the one without.
with_accounting = pytest.mark.parametrize("cluster", [True], indirect=True, ids=["accounting"])
PROMPT_SNAKEMAKE = str(Path(__file__).with_name("prompt_snakemake.py"))
# Where the tests themselves run in the background, their children would ignore SIGINT.
HEARS_CTRL_C = ("env", "--default-signal=INT")
# What a site without accounting adds.
NO_ACCOUNTING = ["--slurm-status-command", "squeue", "--slurm-no-account"]


@pytest.fixture(scope="session")
def cluster(request, tmp_path_factory) -> Iterator[Cluster]:
    """A cluster, with accounting where a test says so: one at a time, and every way out stops it."""
    accounting = getattr(request, "param", False)
    reason = Cluster.missing(accounting)
    if reason is not None:
        pytest.skip(f"no SLURM cluster here: {reason}")
    obstacle = Cluster.obstacle()
    if obstacle is not None:
        pytest.fail(f"no SLURM cluster can start: {obstacle}", pytrace=False)
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), accounting=accounting)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    return make_checkout(tmp_path / "checkout")


@dataclass
class Submitted:
    """A `snakemake --profile slurm` at work.

    Attributes:
        cluster: where its jobs go.
        checkout: where it was started.
        process: the submitting Snakemake.
    """

    cluster: Cluster
    checkout: Checkout
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
        snakemake = [*HEARS_CTRL_C, *ENDS_WITH_ITS_PARENT, sys.executable, "-P", PROMPT_SNAKEMAKE]
        gpus = "resources={train: {gpu: 1}, pretrain: {gpu: 1}, diagnose: {gpu: 1}}"
        chosen = ["--configfile", f"presets/{preset}.yaml", "--config", gpus, *config, "--", *targets]
        command = [*snakemake, "--profile", "slurm", *site, "--latency-wait", "30", *options, *chosen]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started = {"cwd": checkout.folder, "env": cluster.environment, "start_new_session": True}
        return cls(cluster, checkout, subprocess.Popen(command, **streams, **started))

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def kill_lost(self) -> None:
        """Kill what is left of its jobs: a Snakemake in a job can hang at SIGTERM, and this cluster has no cgroups."""
        for process in self.checkout.processes():
            process.kill()

    def end(self, seconds: float = 400) -> str:
        """Wait for its end; gives what it printed."""
        try:
            output, _ = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            queue = self.cluster.run("squeue", "-l")
            raise AssertionError(f"did not end in {seconds} s\n{queue}\n{self.cluster.logs()}") from None
        return output

    def succeed(self, seconds: float = 400) -> str:
        """Wait for its end, which must be a success; gives what it printed."""
        output = self.end(seconds)
        assert self.process.returncode == 0, output[-5000:] + self.cluster.logs()
        return output


@pytest.fixture
def submit(cluster) -> Iterator[Callable[..., Submitted]]:
    """`Submitted.start` on the cluster; what is left of it, and of its jobs, ends with the test."""
    submissions = []

    def start(*arguments, **options) -> Submitted:
        submissions.append(Submitted.start(cluster, *arguments, **options))
        return submissions[-1]

    yield start
    for submitted in submissions:
        submitted.kill()
    cluster.clear()
    for submitted in submissions:
        submitted.kill_lost()


def keep_one_seed(checkout: Checkout, preset: str) -> None:
    """Cut a checkout's preset down to its first seed."""
    path = checkout.folder / "presets" / f"{preset}.yaml"
    content = yaml.safe_load(path.read_text())
    content["grid"]["seeds"] = content["grid"]["seeds"][:1]
    path.write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.fixture(scope="session")
def trained_locally(tmp_path_factory) -> Callable[[str], Checkout]:
    """Checkouts in which all trainings of a preset have run without a cluster (one seed), each made once."""

    @cache
    def train(preset: str) -> Checkout:
        checkout = make_checkout(tmp_path_factory.mktemp("local"))
        keep_one_seed(checkout, preset)
        paths = Paths(Path("results") / preset)
        targets = [str(paths.run(run) / WEIGHTS) for run in all_runs(checkout.config(preset))]
        checkout.snakemake("--configfile", f"presets/{preset}.yaml", "--", *targets)
        return checkout

    return train


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
    return [json.loads((folder / "run.json").read_text()) for folder in [*runs, *sorted(inits)]]


def assert_same_weights(checkout: Checkout, local: Checkout, preset: str) -> None:
    here, there = (Paths(each.folder / "results" / preset) for each in (checkout, local))
    for run in all_runs(checkout.config(preset)):
        assert (here.run(run) / WEIGHTS).read_bytes() == (there.run(run) / WEIGHTS).read_bytes()

"""Trainings that a real SLURM cluster interrupts: `make test-slurm`."""

import json
import os
import shutil
import signal
import time

import pytest

from tests.checkout import Checkout, make_checkout
from tests.slurm.cluster import Cluster
from tests.slurm.conftest import Submitted

pytestmark = pytest.mark.slurm

RUN = "results/smoke/runs/digits/mlp/random/da+m+l2/seed0"
WEIGHTS = f"{RUN}/weights.safetensors"
# Long enough to be disturbed: a quarter of a minute.
LONG = ("training={epochs: 3000, milestones: []}", "restart={seconds: 1}")


def training_job(submitted: Submitted, checkout: Checkout) -> str:
    """The id of the job that trains, once it has a restart point."""
    cluster, snakemake = submitted.cluster, submitted.process
    deadline = time.monotonic() + 120
    while not (checkout.folder / RUN / "restart" / "newest.pt").exists():
        assert snakemake.poll() is None, snakemake.stdout.read()
        assert time.monotonic() < deadline, cluster.run("squeue", "-l") + cluster.logs()
        time.sleep(0.2)
    (job,) = cluster.run("squeue", "-h", "-t", "RUNNING", "-o", "%i").split()
    return job


def signal_training(checkout: Checkout, number: signal.Signals) -> None:
    """Send a signal to the training of a checkout."""
    trainings = checkout.trainings()
    assert trainings
    for training in trainings:
        training.send_signal(number)


def cancel(cluster: Cluster, checkout: Checkout, job: str) -> None:
    cluster.run("scancel", job)


def kill(cluster: Cluster, checkout: Checkout, job: str) -> None:
    signal_training(checkout, signal.SIGKILL)


def hang(cluster: Cluster, checkout: Checkout, job: str) -> None:
    """Stop it, so that it reaches its job's time limit, which is brought forward, and SLURM kills it."""
    assert cluster.run("squeue", "-h", "-j", job, "-o", "%l").strip() == "5:00"
    signal_training(checkout, signal.SIGSTOP)
    cluster.run("scontrol", "update", f"jobid={job}", "endtime=now")
    cluster.wait_for(
        "the time limit", lambda: "JobState=TIMEOUT" in cluster.run("scontrol", "show", "job", job), seconds=200
    )


def node_down(cluster: Cluster, checkout: Checkout, job: str) -> None:
    node = cluster.run("squeue", "-h", "-j", job, "-o", "%N").strip()
    cluster.run("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    time.sleep(3)
    # Its daemon lives, so it may have come back by itself.
    cluster.run("scontrol", "update", f"nodename={node}", "state=resume", check=False)


def preempt(cluster: Cluster, checkout: Checkout, job: str) -> None:
    """A job of a partition that goes first takes both GPUs for a moment."""
    urgent = ("--partition=urgent", "--nodes=2", "--gpus-per-node=1", "--wait", "--output=/dev/null")
    cluster.run("sbatch", *urgent, "--wrap", "sleep 2")
    assert "Restarts=1" in cluster.run("scontrol", "show", "job", job)


def controller_restarts(cluster: Cluster, checkout: Checkout, job: str) -> None:
    cluster.stop_daemon("slurmctld")
    time.sleep(2)
    cluster.start_controller()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Checkout:
    """A checkout in which the long training has run locally."""
    checkout = make_checkout(tmp_path_factory.mktemp("undisturbed"))
    checkout.snakemake("--configfile", "presets/smoke.yaml", "--config", *LONG, "--", WEIGHTS)
    return checkout


@pytest.fixture
def checkout(undisturbed, tmp_path) -> Checkout:
    """A checkout with data and start weights, so that the training is the only job."""
    folder = shutil.copytree(undisturbed.folder, tmp_path / "checkout", ignore=shutil.ignore_patterns("runs"))
    return Checkout(folder)


def assert_taken_up(checkout: Checkout, undisturbed: Checkout, restarts: int) -> None:
    """The training ended with the weights of an undisturbed one, and was taken up so many times."""
    assert (checkout.folder / WEIGHTS).read_bytes() == (undisturbed.folder / WEIGHTS).read_bytes()
    assert json.loads((checkout.folder / RUN / "run.json").read_text())["restarts"] == restarts
    assert not (checkout.folder / RUN / "restart").exists()


@pytest.mark.parametrize(
    "disturb",
    [pytest.param(cancel, marks=pytest.mark.quick), kill, hang, node_down, preempt, controller_restarts],
    ids=lambda disturb: disturb.__name__,
)
def test_a_disturbed_training_ends_with_the_same_weights_and_repeats_nothing(
    cluster, submit, checkout, undisturbed, disturb
):
    submitted = submit(checkout, WEIGHTS, config=LONG)
    disturb(cluster, checkout, training_job(submitted, checkout))
    submitted.succeed()
    assert_taken_up(checkout, undisturbed, restarts=0 if disturb is controller_restarts else 1)


def test_ctrl_c_cancels_the_job_and_a_second_start_goes_on(cluster, submit, checkout, undisturbed):
    submitted = submit(checkout, WEIGHTS, config=LONG)
    training_job(submitted, checkout)
    os.kill(submitted.process.pid, signal.SIGINT)
    submitted.end(120)
    assert submitted.process.returncode != 0
    cluster.wait_for("an empty queue", lambda: not cluster.run("squeue", "-h").strip(), seconds=60)
    assert (checkout.folder / RUN / "restart" / "newest.pt").exists()
    submit(checkout, WEIGHTS, config=LONG).succeed()
    assert_taken_up(checkout, undisturbed, restarts=1)

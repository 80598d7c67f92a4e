"""Trainings that a real SLURM cluster interrupts: `make test-slurm`."""

import json
import os
import signal
import time

import pytest

from tests.slurm.cluster import Cluster
from tests.slurm.conftest import Submitted
from tests.workflow.conftest import Checkout, make_checkout

pytestmark = pytest.mark.slurm

RUN = "results/smoke/runs/digits/mlp/random/da+m+l2/seed0"
# Long enough to be disturbed: about half a minute.
LONG = ("training={epochs: 6000, milestones: []}", "restart={seconds: 1}")
A_MINUTE = ("resources={train: {gpu: 1, runtime: 1}}",)


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
    """Stopped, it reaches its job's time limit of a minute, and SLURM kills it."""
    assert cluster.run("squeue", "-h", "-j", job, "-o", "%l").strip() == "1:00"
    signal_training(checkout, signal.SIGSTOP)
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
def undisturbed(tmp_path_factory) -> bytes:
    """The weights of the long training, made locally."""
    checkout = make_checkout(tmp_path_factory.mktemp("undisturbed"))
    checkout.snakemake("--configfile", "presets/smoke.yaml", "--config", *LONG, "--", f"{RUN}/weights.safetensors")
    return (checkout.folder / RUN / "weights.safetensors").read_bytes()


@pytest.mark.parametrize(
    "disturb",
    [cancel, kill, hang, node_down, preempt, controller_restarts],
    ids=lambda disturb: disturb.__name__,
)
def test_a_disturbed_training_ends_with_the_same_weights_and_repeats_nothing(cluster, checkout, undisturbed, disturb):
    limit = A_MINUTE if disturb is hang else ()
    submitted = Submitted.start(cluster, checkout, f"{RUN}/weights.safetensors", config=(*LONG, *limit))
    disturb(cluster, checkout, training_job(submitted, checkout))
    submitted.succeed()
    assert (checkout.folder / RUN / "weights.safetensors").read_bytes() == undisturbed
    record = json.loads((checkout.folder / RUN / "run.json").read_text())
    assert record["restarts"] == (0 if disturb is controller_restarts else 1)
    assert not (checkout.folder / RUN / "restart").exists()


def test_ctrl_c_cancels_the_job_and_a_second_start_goes_on(cluster, checkout, undisturbed):
    submitted = Submitted.start(cluster, checkout, f"{RUN}/weights.safetensors", config=LONG)
    training_job(submitted, checkout)
    os.kill(submitted.process.pid, signal.SIGINT)
    submitted.end(120)
    assert submitted.process.returncode != 0
    cluster.wait_for("an empty queue", lambda: not cluster.run("squeue", "-h").strip(), seconds=60)
    assert (checkout.folder / RUN / "restart" / "newest.pt").exists()
    Submitted.start(cluster, checkout, f"{RUN}/weights.safetensors", config=LONG).succeed()
    assert (checkout.folder / RUN / "weights.safetensors").read_bytes() == undisturbed
    assert json.loads((checkout.folder / RUN / "run.json").read_text())["restarts"] == 1

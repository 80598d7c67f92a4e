"""The pipeline on a real SLURM cluster of two nodes: `make test-slurm`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from badminima.runs import Paths, all_runs
from tests.conftest import REPOSITORY
from tests.slurm.cluster import Cluster
from tests.workflow.conftest import Checkout, make_checkout

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(Cluster.missing() is not None, reason=f"no SLURM cluster here: {Cluster.missing()}"),
]

# What a site without accounting adds, and short delays for a cluster that is at hand.
SITE = [
    *("--slurm-status-command", "squeue", "--slurm-no-account", "--slurm-init-seconds-before-status-checks", "2"),
    *("--seconds-between-status-checks", "2", "--latency-wait", "30"),
]
GPUS = "resources={train: {gpu: 1}, pretrain: {gpu: 1}}"
RUN = "results/smoke/runs/digits/mlp/random/da+m+l2/seed0"
# Long enough to be disturbed: about half a minute.
LONG = ["training={epochs: 6000, milestones: []}", "restart={seconds: 1}"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    checkout = make_checkout(tmp_path / "checkout")
    shutil.copytree(REPOSITORY / "slurm", checkout.folder / "slurm")
    return checkout


def submit(cluster: Cluster, checkout: Checkout, *targets: str, config: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start `snakemake --profile slurm` in a checkout."""
    command = [sys.executable, "-m", "snakemake", "--profile", "slurm", *SITE, "--configfile", "presets/smoke.yaml"]
    return subprocess.Popen(
        [*command, "--config", GPUS, *config, "--", *targets],
        cwd=checkout.folder,
        env=cluster.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(cluster: Cluster, snakemake: subprocess.Popen[str], seconds: float = 400) -> str:
    """Wait for its end; gives what it printed, which must be a success."""
    try:
        output, _ = snakemake.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(snakemake.pid, signal.SIGKILL)
        raise AssertionError(f"did not end in {seconds} s\n{cluster.run('squeue', '-l')}\n{cluster.logs()}") from None
    assert snakemake.returncode == 0, output[-5000:] + cluster.logs()
    return output


def test_the_whole_grid_runs_as_jobs_with_gpus_on_both_nodes_to_the_bits_of_a_local_run(cluster, checkout, smoke):
    started = time.monotonic()
    finish(cluster, submit(cluster, checkout, "all"))
    seconds = time.monotonic() - started
    paths, local = Paths(checkout.folder / "results/smoke"), Paths(smoke.folder / "results/smoke")
    nodes = set()
    runs = all_runs(checkout.config("smoke"))
    for run in runs:
        record = json.loads((paths.run(run) / "run.json").read_text())
        assert record["slurm"]["SLURM_STEP_GPUS"] == "0"
        nodes.add(record["slurm"]["SLURM_JOB_NODELIST"])
        weights = "weights.safetensors"
        assert (paths.run(run) / weights).read_bytes() == (local.run(run) / weights).read_bytes()
    assert nodes == {"n1", "n2"}
    for seed in (0, 1):
        record = json.loads((paths.init("digits", "mlp", "adversarial", seed) / "run.json").read_text())
        assert record["slurm"]["SLURM_STEP_GPUS"] == "0"
    print(f"{len(runs)} trainings in {seconds:.0f} s")


def training_job(cluster: Cluster, checkout: Checkout, snakemake: subprocess.Popen[str]) -> str:
    """The id of the job that trains, once it has a restart point."""
    deadline = time.monotonic() + 120
    while not (checkout.folder / RUN / "restart" / "newest.pt").exists():
        assert snakemake.poll() is None, snakemake.stdout.read()
        assert time.monotonic() < deadline, cluster.run("squeue", "-l") + cluster.logs()
        time.sleep(0.2)
    (job,) = cluster.run("squeue", "-h", "-t", "RUNNING", "-o", "%i").split()
    return job


def cancel(cluster: Cluster, checkout: Checkout, job: str) -> None:
    cluster.run("scancel", job)


def kill(cluster: Cluster, checkout: Checkout, job: str) -> None:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                here = (folder / "cwd").resolve() == checkout.folder.resolve()
            except OSError:
                continue
            if here and b"workflow/scripts/train.py" in words:
                os.kill(int(folder.name), signal.SIGKILL)


def node_down(cluster: Cluster, checkout: Checkout, job: str) -> None:
    node = cluster.run("squeue", "-h", "-j", job, "-o", "%N").strip()
    cluster.run("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    time.sleep(3)
    # Its daemon lives, so it may have come back by itself.
    cluster.run("scontrol", "update", f"nodename={node}", "state=resume", check=False)


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
    "disturb", [cancel, kill, node_down, controller_restarts], ids=lambda disturb: disturb.__name__
)
def test_a_disturbed_training_ends_with_the_same_weights_and_repeats_nothing(cluster, checkout, undisturbed, disturb):
    snakemake = submit(cluster, checkout, f"{RUN}/weights.safetensors", config=tuple(LONG))
    disturb(cluster, checkout, training_job(cluster, checkout, snakemake))
    finish(cluster, snakemake)
    assert (checkout.folder / RUN / "weights.safetensors").read_bytes() == undisturbed
    record = json.loads((checkout.folder / RUN / "run.json").read_text())
    assert record["restarts"] == (0 if disturb is controller_restarts else 1)
    assert not (checkout.folder / RUN / "restart").exists()


def test_a_failing_rule_is_named_and_the_rest_of_the_grid_goes_on(cluster, checkout):
    bad = f"{RUN}/weights.safetensors"
    good = bad.replace("seed0", "seed1")
    start = checkout.folder / "results/smoke/inits/digits/mlp/random/seed0/weights.safetensors"
    checkout.snakemake("--configfile", "presets/smoke.yaml", "--", str(start.relative_to(checkout.folder)))
    content = bytearray(start.read_bytes())
    content[-10] ^= 1
    times = start.stat()
    start.write_bytes(content)
    os.utime(start, ns=(times.st_atime_ns, times.st_mtime_ns))
    snakemake = submit(cluster, checkout, bad, good)
    output, _ = snakemake.communicate(timeout=400)
    assert snakemake.returncode != 0
    assert "Error in rule train" in output or "Error in group training" in output
    assert "results/smoke/logs/train/digits/mlp/random/da+m+l2/seed0.log" in output
    assert "found a damaged tensor file (its digest does not fit its content)" in output
    assert (checkout.folder / good).exists()


def test_ctrl_c_cancels_the_job_and_a_second_start_goes_on(cluster, checkout, undisturbed):
    snakemake = submit(cluster, checkout, f"{RUN}/weights.safetensors", config=tuple(LONG))
    training_job(cluster, checkout, snakemake)
    os.kill(snakemake.pid, signal.SIGINT)
    snakemake.communicate(timeout=120)
    assert snakemake.returncode != 0
    cluster.wait_for("an empty queue", lambda: not cluster.run("squeue", "-h").strip(), seconds=60)
    assert (checkout.folder / RUN / "restart" / "newest.pt").exists()
    finish(cluster, submit(cluster, checkout, f"{RUN}/weights.safetensors", config=tuple(LONG)))
    assert (checkout.folder / RUN / "weights.safetensors").read_bytes() == undisturbed
    assert json.loads((checkout.folder / RUN / "run.json").read_text())["restarts"] == 1

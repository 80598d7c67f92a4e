"""A training that is killed under Snakemake goes on where it was when Snakemake is started again."""

import signal
import subprocess
import sys
import time

from tests.checkout import Checkout, make_checkout

RUN = "results/smoke/runs/digits/mlp/random/da+m+l2/seed0"
LOG = "results/smoke/logs/train/digits/mlp/random/da+m+l2/seed0.log"
ARGUMENTS = [
    *("--cores", "1", "--configfile", "presets/smoke.yaml", "--config", "training={epochs: 4000, milestones: []}"),
    *("restart={seconds: 1}", "--", f"{RUN}/weights.safetensors"),
]


def start_and(checkout: Checkout, number: signal.Signals, first: signal.Signals | None = None) -> tuple[str, str]:
    """Start Snakemake, send the training a signal once it has a restart point; Snakemake itself one first, if any.

    Returns the log of the training, and what Snakemake said.
    """
    command = [sys.executable, "-m", "snakemake", *ARGUMENTS]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    snakemake = subprocess.Popen(command, cwd=checkout.folder, **streams)
    point = checkout.folder / RUN / "restart" / "newest.pt"
    before = point.stat().st_mtime if point.exists() else None
    deadline = time.monotonic() + 120
    while not point.exists() or point.stat().st_mtime == before:
        assert snakemake.poll() is None, snakemake.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    trainings = checkout.trainings()
    assert trainings
    if first is not None:
        snakemake.send_signal(first)
        time.sleep(1)
    for training in trainings:
        training.send_signal(number)
    said = snakemake.communicate()[0]
    assert snakemake.returncode != 0
    return (checkout.folder / LOG).read_text(), said


def test_a_training_killed_under_snakemake_goes_on_at_the_next_start(tmp_path):
    checkout = make_checkout(tmp_path / "checkout")
    log, said = start_and(checkout, signal.SIGKILL)
    assert "going on from" not in log
    assert "Will exit" not in said
    assert (checkout.folder / RUN / "restart" / "newest.pt").exists()
    log, said = start_and(checkout, signal.SIGTERM, first=signal.SIGTERM)
    assert said.count("Will exit after finishing currently running jobs") == 1
    assert log.count("going on from") == 1
    assert "SIGTERM: stopped in epoch" in log
    checkout.snakemake(*ARGUMENTS[2:])
    # Snakemake begins a new log; this start went on from where the signal had stopped the one before.
    stopped = int(log.split("after step ")[1].split(";")[0])
    log = (checkout.folder / LOG).read_text()
    assert log.count("going on from") == 1
    assert f"step {stopped}\n" in log
    assert not (checkout.folder / RUN / "restart").exists()
    disturbed = (checkout.folder / RUN / "weights.safetensors").read_bytes()
    (checkout.folder / RUN / "weights.safetensors").unlink()
    checkout.snakemake(*ARGUMENTS[2:])
    assert (checkout.folder / RUN / "weights.safetensors").read_bytes() == disturbed

"""A failure says why, however quiet Snakemake is asked to be; a training that was killed goes on where it was."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.checkout import Checkout, make_checkout

RUNS = "results/smoke/runs/digits/mlp/random"
STARTS = [f"results/smoke/inits/digits/mlp/random/seed{seed}/weights.safetensors" for seed in (0, 1)]
SMOKE = ["--configfile", "presets/smoke.yaml"]
LOGS = "results/smoke/logs/train/digits/mlp/random"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Checkout:
    """A checkout in which trainings can start at once."""
    checkout = make_checkout(tmp_path_factory.mktemp("failures"))
    checkout.snakemake(*SMOKE, "--", *STARTS)
    return checkout


def long(epochs: int) -> list[str]:
    return [*SMOKE, "--config", f"training={{epochs: {epochs}, milestones: []}}", "restart={seconds: 1}"]


@contextmanager
def training(checkout: Checkout, run: str, *arguments: str, epochs: int = 100_000) -> Iterator[subprocess.Popen]:
    """Snakemake at work, in a process group of its own as under a shell, once a run has a new restart point."""
    point = checkout.folder / run / "restart" / "newest.pt"
    before = point.stat().st_mtime if point.exists() else None
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *long(epochs), *arguments]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command, cwd=checkout.folder, start_new_session=True, **streams)
    deadline = time.monotonic() + 120
    try:
        while not point.exists() or point.stat().st_mtime == before:
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_a_training_killed_under_snakemake_goes_on_at_the_next_start(prepared):
    run, epochs = f"{RUNS}/da+m+l2/seed1", 4000
    weights, log = prepared.folder / run / "weights.safetensors", prepared.folder / LOGS / "da+m+l2" / "seed1.log"
    target = ["--", f"{run}/weights.safetensors"]
    with training(prepared, run, *target, epochs=epochs) as process:
        for running in prepared.trainings():
            running.kill()
        assert "SIGKILL: killed" in process.communicate()[0]
    assert "going on from" not in log.read_text()
    with training(prepared, run, *target, epochs=epochs) as process:
        running = prepared.trainings()
        process.terminate()
        time.sleep(1)
        for one in running:
            one.terminate()
        said = process.communicate()[0]
    assert process.returncode == 1
    assert said.count("Will exit after finishing currently running jobs") == 1
    assert f"1 job did not complete:\nrule train, log: {LOGS}/da+m+l2/seed1.log\n    SIGTERM: stopped in epoch" in said
    assert said.count("    stopped; the same command goes on\n") == 1
    text = log.read_text()
    assert text.count("going on from") == 1
    stopped = int(text.split("SIGTERM: stopped in epoch ")[1].split("after step ")[1].split(";")[0])
    prepared.snakemake(*long(epochs), *target)
    # Snakemake begins a new log; this start went on from where the signal had stopped the one before.
    assert f"step {stopped}\n" in log.read_text()
    assert not (weights.parent / "restart").exists()
    disturbed = weights.read_bytes()
    weights.unlink()
    prepared.snakemake(*long(epochs), *target)
    assert weights.read_bytes() == disturbed


def test_a_wrong_data_folder_says_so(prepared, tmp_path):
    given = f"data={{local_dirs: {{fashion_mnist: {tmp_path}}}}}"
    options = ["--quiet", "all", "--config", given, "--", "results/fashion/data/fashion_mnist.manifest.json"]
    done = prepared.snakemake("--configfile", "presets/fashion.yaml", *options, check=False)
    assert done.returncode == 1
    assert "found no train-images-idx3-ubyte" in done.stderr


def test_a_misspelt_target_says_so(prepared):
    done = prepared.snakemake(*SMOKE, "--quiet", "all", "--", "fig_abaltion", check=False)
    assert done.returncode == 1
    assert "fig_abaltion (if you use input functions" in done.stderr
    assert "did you mean fig_ablation, " in done.stderr


def test_ctrl_c_says_how_to_go_on(prepared):
    run = f"{RUNS}/vanilla/seed1"
    with training(prepared, run, "--quiet", "all", "--", f"{run}/weights.safetensors") as process:
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "stopped; the same command goes on" in output


def test_settings_are_not_on_the_command_line_and_the_printed_command_can_be_repeated(prepared):
    target = f"{RUNS}/da+m+l2/seed0/weights.safetensors"
    done = prepared.snakemake(*SMOKE, "--printshellcmds", "--", target)
    (command,) = (line for line in done.stderr.splitlines() if "--settings" in line)
    assert "{" not in command
    assert len(command) < 500
    weights = (prepared.folder / target).read_bytes()
    (prepared.folder / target).unlink()
    by_hand = command[command.index("python") :].strip()
    environment = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-c", by_hand], cwd=prepared.folder, env=environment, check=True)
    assert (prepared.folder / target).read_bytes() == weights

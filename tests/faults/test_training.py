"""Whatever happens to a training, nothing is lost, and the next start ends with the weights of an undisturbed one."""

import os
import random
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from badminima.cli import EXIT_CODE
from badminima.config import AugmentationConfig, RecipeConfig
from badminima.data.prepared import read_prepared
from badminima.experiment.paths import RUN_FILES
from badminima.experiment.settings import InitializeSettings, TrainSettings
from badminima.models.starts import initialize
from badminima.models.weights import write_weights
from tests.faults.jobs import Job, assert_same, undisturbed


@pytest.fixture
def job(prepared_path, small_mlp, train_settings, tmp_path) -> Job:
    """80 steps with everything on: augmentation, momentum, weight decay."""
    start = initialize(
        InitializeSettings(model=small_mlp, dataset="digits", model_name="mlp", root_seed=0, seed=0),
        read_prepared(prepared_path),
    )
    write_weights(tmp_path / "start.safetensors", start)
    changes = {
        "recipe": RecipeConfig(augmentation=True, momentum=0.9, weight_decay=0.001),
        "augmentation": AugmentationConfig(padding=1),
        "optimization": train_settings.optimization.model_copy(update={"evaluate_every": 3, "learning_rate": 0.02}),
    }
    settings = TrainSettings(**{**train_settings.model_dump(), **changes})
    return Job(settings, prepared_path, tmp_path / "start.safetensors", tmp_path / "run")


def saved_at(job: Job) -> int:
    """When the newest restart point was written; 0: there is none, or it is being renamed."""
    try:
        return (job.output / "restart" / "newest.pt").stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def kill_until_done(job: Job) -> int:
    """Kill the training at random moments, each after a new restart point; gives the number of kills."""
    rng = random.Random(0)
    kills, before = 0, 0
    while True:
        process = job.begin()
        while process.is_alive() and saved_at(job) in (0, before):
            time.sleep(0.005)
        process.join(rng.uniform(0, 0.4))
        if process.exitcode is None:
            process.kill()
            kills += 1
        process.join()
        if process.exitcode == 0:
            return kills
        assert process.exitcode == -signal.SIGKILL, job.log
        before = saved_at(job)


def test_a_training_killed_again_and_again_ends_with_the_same_bits(job):
    assert kill_until_done(replace(job, slow=0.06)) >= 5
    assert_same(job, undisturbed(job))


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_a_training_that_is_asked_to_stop_leaves_a_restart_point_and_goes_on(job, name):
    slow = replace(job, slow=0.05, restart_seconds=1000)
    process = slow.begin()
    while not job.output.exists():
        time.sleep(0.01)
    time.sleep(0.6)
    os.kill(process.pid, getattr(signal, name))
    process.join()
    assert process.exitcode == EXIT_CODE
    assert f"{name}: stopped in epoch" in job.log
    assert "Traceback" not in job.log
    assert (job.output / "restart" / "newest.pt").exists()
    assert not any((job.output / name).exists() for name in RUN_FILES)
    assert job.finish() == 0
    assert "going on from" in job.log
    assert_same(job, undisturbed(job))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, whose size can be changed."""
    mount = tmp_path / "disk"
    mount.mkdir()

    def resize(kib: int) -> None:
        flags = f"{'remount,' if os.path.ismount(mount) else ''}size={kib}k"
        subprocess.run(["mount", "-t", "tmpfs", "-o", flags, "tmpfs", str(mount)], check=True, capture_output=True)

    try:
        resize(1024)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a file system")
    yield mount, resize
    subprocess.run(["umount", "-l", str(mount)], check=False)


def test_a_disk_that_fills_up_at_any_moment_costs_one_line_and_no_work(job, small_disk):
    mount, resize = small_disk
    expected = undisturbed(job)
    (mount / "log").mkdir()
    refused = set()
    for kib in range(4, 80, 4):
        folder = mount / "run"
        resize(1024)
        subprocess.run(["rm", "-rf", str(folder)], check=True)
        on_disk = replace(job, output=folder, restart_seconds=1000)
        folder.with_suffix(".log").unlink(missing_ok=True)
        folder.with_suffix(".log").symlink_to(job.output.with_name(f"{kib}.log"))
        resize(kib)
        code = on_disk.finish()
        log = on_disk.log
        assert "Traceback" not in log
        if code:
            assert code == 1
            error = log.splitlines()[-1]
            assert "No space left on device" in error
            refused.add(Path(error.split(":")[1].strip()).name.lstrip(".").split(".")[0])
            resize(1024)
            assert on_disk.finish() == 0, on_disk.log
        assert_same(on_disk, expected)
    assert {"weights", "run", "predictions"} <= refused


@pytest.mark.parametrize("which", ["start", "prepared"])
def test_damaged_inputs_are_named(job, tmp_path, which):
    path = getattr(job, which)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    broken = tmp_path / f"broken-{which}.safetensors"
    broken.write_bytes(content)
    job = replace(job, **{which: broken})
    assert job.finish() == 1
    assert job.log.count("\n") == 1
    assert f"{broken}: found no tensor file, or a damaged one" in job.log

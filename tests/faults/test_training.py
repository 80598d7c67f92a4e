"""Whatever happens to a training, nothing is lost, and the next start ends with the weights of an undisturbed one."""

import os
import random
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from badminima.cli import EXIT_CODE
from badminima.config import AugmentationConfig, ModelConfig, RecipeConfig
from badminima.data.confusing import confuse
from badminima.data.prepared import read_prepared
from badminima.experiment.paths import RUN_FILES
from badminima.experiment.settings import ConfuseSettings, InitializeSettings, TrainSettings
from badminima.models.starts import initialize
from badminima.models.weights import read_weights, write_weights
from tests.faults.jobs import Job, assert_same, undisturbed, wait_for_restart_point

# What a clock says differs from run to run.


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


@pytest.fixture
def pretraining(job, tmp_path) -> Job:
    """A pretraining on a confusing set of two copies."""
    settings = ConfuseSettings(dataset="digits", replication=2, noise=0.2, zeroing="values", root_seed=0, seed=0)
    confuse(read_prepared(job.prepared), settings, tmp_path / "confusing.safetensors")
    optimization = job.settings.optimization.model_copy(update={"epochs": 8, "evaluate_every": 1})
    changes = {"phase": "pretrain", "recipe": RecipeConfig(), "augmentation": None, "optimization": optimization}
    return replace(
        job,
        settings=TrainSettings(**{**job.settings.model_dump(), **changes}),
        confusing=tmp_path / "confusing.safetensors",
    )


def kill_until_done(job: Job, at_most: float) -> int:
    """Kill the training at random moments until one attempt gets to the end; gives the number of kills."""
    rng = random.Random(0)
    kills = 0
    while True:
        process = job.begin()
        process.join(rng.uniform(0.05, at_most))
        if process.exitcode is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.join()
        if process.exitcode == 0:
            return kills
        assert process.exitcode == -signal.SIGKILL, job.log


def test_a_training_killed_dozens_of_times_ends_with_the_same_bits(job):
    slow = replace(job, slow=0.06)
    kills = kill_until_done(slow, at_most=0.25)
    print(f"{kills} kills")
    assert kills >= 25
    assert_same(job, undisturbed(job))


def test_a_pretraining_killed_dozens_of_times_ends_with_the_same_bits(pretraining):
    slow = replace(pretraining, slow=0.06)
    kills = kill_until_done(slow, at_most=0.25)
    print(f"{kills} kills")
    assert kills >= 25
    assert_same(pretraining, undisturbed(pretraining))


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


def test_no_step_before_the_last_restart_point_is_done_twice(job):
    slow = replace(job, slow=0.03)
    process = slow.begin()
    wait_for_restart_point(job, process)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert job.finish() == 0
    step = int(job.log.split("going on from")[1].split("step ")[1].split()[0])
    assert step >= 2
    rows = pd.read_csv(job.output / "history.csv")
    assert rows["step"].is_unique
    assert rows["step"].iloc[-1] == 80


@pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied"])
def test_a_damaged_restart_point_is_recognised_and_the_one_before_is_used(job, damage):
    slow = replace(job, slow=0.03)
    process = slow.begin()
    wait_for_restart_point(job, process)
    while not (job.output / "restart" / "previous.pt").exists():
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    newest = job.output / "restart" / "newest.pt"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 4
    newest.write_bytes({"truncated": content[: len(content) // 2], "flipped": content, "emptied": b""}[damage])
    assert job.finish() == 0
    assert "newest.pt: damaged" in job.log
    assert "previous.pt: epoch" in job.log or "next.pt: epoch" in job.log
    assert_same(job, undisturbed(job))


def test_a_restart_point_of_other_settings_is_not_used_and_it_says_why(job):
    slow = replace(job, slow=0.03)
    process = slow.begin()
    wait_for_restart_point(job, process)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    optimization = job.settings.optimization.model_copy(update={"learning_rate": 0.03})
    changed = replace(job, settings=job.settings.model_copy(update={"optimization": optimization}))
    assert changed.finish() == 0
    assert "of another training (settings.optimization.learning_rate: 0.02 instead of 0.03); not used" in changed.log
    assert_same(changed, undisturbed(changed))


def test_a_restart_point_from_other_weights_is_not_used(job):
    slow = replace(job, slow=0.03)
    process = slow.begin()
    wait_for_restart_point(job, process)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    weights = read_weights(job.start)
    weights.parameters["1.weight"][0] += 1
    write_weights(job.start, weights)
    assert job.finish() == 0
    assert "of another training (start: " in job.log
    assert_same(job, undisturbed(job))


def test_two_processes_never_train_the_same_run(job):
    slow = replace(job, slow=0.05)
    first = slow.begin()
    wait_for_restart_point(job, first)
    second = job.begin()
    second.join()
    assert second.exitcode == 1
    assert "found another process that trains this run; wait for it, or stop it first" in job.log
    first.join()
    assert first.exitcode == 0
    assert_same(job, undisturbed(job))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, whose size can be changed."""
    mount = tmp_path / "disk"
    mount.mkdir()

    def resize(kib: int, options: str = "") -> None:
        mounted = os.path.ismount(mount)
        flags = f"{'remount,' if mounted else ''}size={kib}k{options}"
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
    print("refused:", refused)
    assert {"weights", "run", "predictions"} <= refused


def test_a_restart_point_that_cannot_be_written_does_not_stop_the_training(job, prepared_path):
    # Wide enough that the weights fit below the limit and a restart point, with its momentum, does not.
    wide = ModelConfig(architecture="mlp", options={"widths": [128]})
    settings = InitializeSettings(model=wide, dataset="digits", model_name="mlp", root_seed=0, seed=0)
    write_weights(job.start, initialize(settings, read_prepared(prepared_path)))
    job = replace(job, settings=job.settings.model_copy(update={"model": wide}))
    small = replace(job, file_size_limit=60_000)
    assert small.finish() == 0, small.log
    assert "no restart point could be written (File too large); training goes on without" in small.log
    assert_same(small, undisturbed(job))


def test_an_output_folder_that_cannot_be_written_is_one_line(job, small_disk):
    mount, resize = small_disk
    read_only = replace(job, output=mount / "run")
    read_only.output.with_suffix(".log").symlink_to(job.output.with_suffix(".log"))
    resize(1024, ",ro")
    job.output.with_suffix(".log").touch()
    assert read_only.finish() == 1
    assert job.log.count("\n") == 1
    assert "Read-only file system" in job.log


@pytest.mark.parametrize("which", ["start", "prepared", "confusing"])
@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_damaged_inputs_are_named(pretraining, tmp_path, which, damage):
    path = getattr(pretraining, which)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    broken = tmp_path / f"broken-{which}.safetensors"
    broken.write_bytes(content[:-50] if damage == "truncated" else content)
    job = replace(pretraining, **{which: broken})
    assert job.finish() == 1
    assert job.log.count("\n") == 1
    assert f"{broken}: found no tensor file, or a damaged one" in job.log


def test_evaluation_that_does_not_fit_into_memory_is_halved(job, monkeypatch, capsys, digits_on_torch):
    from badminima.data.items import make_items
    from badminima.models.numerics import Numerics
    from badminima.training.record import Evaluator

    class Large(torch.nn.Module):
        def forward(self, images):
            if len(images) > 100:
                raise torch.OutOfMemoryError
            return torch.zeros(len(images), 10)

    cpu = torch.device("cpu")
    items = make_items(digits_on_torch, digits_on_torch.test_images, digits_on_torch.test_labels, cpu)
    evaluate = Evaluator(Numerics(cpu, "fp32", "none", True))
    assert evaluate(Large(), items).predicted.shape == (len(items),)
    assert evaluate.batch.images == 64
    assert "64 images at a time for evaluation from now on" in capsys.readouterr().err

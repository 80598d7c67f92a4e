"""Which GPU a job takes, and whether torch can use it; no GPU is needed for either."""

import multiprocessing
import os
import signal

import pytest
import torch

from badminima.errors import UserError
from badminima.storage.device import BatchSize, least_loaded, missing_kernels, take_card, visible_cards

MIG = "MIG-GPU-5c89/1/0"
FORK = multiprocessing.get_context("fork")


@pytest.mark.parametrize(
    ("allowed", "cards"),
    [
        (None, ["0", "1", "2"]),
        ("2,0", ["2", "0"]),
        (f"GPU-8f, {MIG}", ["GPU-8f", MIG]),
        ("1,-1,2", ["1"]),
        ("", []),
        ("-1", []),
    ],
)
def test_cards_are_those_that_cuda_may_show(tmp_path, allowed, cards):
    for name in ("nvidia0", "nvidia1", "nvidia4", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    environment = {} if allowed is None else {"CUDA_VISIBLE_DEVICES": allowed}
    assert visible_cards(environment, tmp_path) == cards


@pytest.mark.parametrize(
    ("jobs", "card"),
    [([], "0"), (["0"], "1"), (["0", "2", "1"], "0"), (["1", "0", "0", "2", "2"], "1"), (["7", "0"], "1")],
)
def test_a_job_takes_a_free_card_or_the_least_loaded(jobs, card):
    assert least_loaded(["0", "1", "2"], jobs) == card


def take(connection) -> None:
    """Take a card and keep it until killed."""
    take_card()
    connection.send(os.environ.get("CUDA_VISIBLE_DEVICES"))
    signal.pause()


@pytest.fixture
def start(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    jobs = []

    def start_jobs(count):
        pipes = [FORK.Pipe() for _ in range(count)]
        new = [FORK.Process(target=take, args=(there,), daemon=True) for _, there in pipes]
        for job in new:
            job.start()
        jobs.extend(new)
        return {here.recv(): job for (here, _), job in zip(pipes, new, strict=True)}

    yield start_jobs
    for job in jobs:
        job.kill()


def test_eight_jobs_at_once_take_eight_cards_and_a_killed_one_frees_its_card(start, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"0,1,2,3,4,5,6,{MIG}")
    jobs = start(8)
    assert set(jobs) == {*"0123456", MIG}
    jobs[MIG].kill()
    jobs[MIG].join()
    assert set(start(1)) == {MIG}
    assert set(start(1)) == {"0"}  # none is free: the first of the least loaded


def test_a_job_of_slurm_keeps_its_card_and_local_ones_inside_an_allocation_share_its_cards(start, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert list(start(1)) == list(start(1)) == ["3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert set(start(2)) == {"0", "1"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert list(start(1)) == [""]


@pytest.mark.parametrize(
    ("built", "capability", "fits"),
    [
        (["sm_75", "sm_80", "sm_90"], (7, 0), False),
        (["sm_75", "sm_80", "sm_90"], (8, 6), True),
        (["sm_80", "sm_86"], (9, 0), False),
        (["sm_80", "compute_80"], (9, 0), True),
        (["sm_90a", "sm_120"], (12, 0), True),
        (["gfx90a"], (9, 0), True),
        ([], (9, 0), True),
    ],
)
def test_a_card_needs_kernels_of_its_own_major_version_or_code_to_compile(built, capability, fits):
    assert (missing_kernels(built, capability) is None) is fits


def test_what_does_not_fit_into_memory_is_halved_and_stays_so(capsys):
    def compute(images):
        if len(images) > 100:
            raise torch.OutOfMemoryError
        return 2 * images

    batch, images = BatchSize(256, "evaluation"), torch.arange(300)
    assert torch.equal(batch.concatenated(compute, images), 2 * images)
    assert batch.images == 64
    assert capsys.readouterr().err.splitlines()[-1].startswith("out of memory: 64 images at a time for evaluation")
    assert torch.equal(batch.concatenated(compute, images[:10]), 2 * images[:10])
    assert batch.images == 64


def test_memory_that_does_not_suffice_for_one_image_is_told():
    def compute(size):
        raise torch.OutOfMemoryError

    with pytest.raises(UserError, match="memory: found too little for evaluation of one image"):
        BatchSize(4, "evaluation").fit(compute, 300)

"""Restart points: whole or not used, of the same training, and of one process at a time."""

import pytest
import torch

from badminima.errors import UserError
from badminima.training.restart import NEWEST, PREVIOUS, RestartPoints

IDENTITY = {"settings": {"optimization": {"learning_rate": 0.1}}, "start": "0" * 64}


def state(step: int) -> dict:
    return {"epoch": 1, "step": {"count": step}, "model": {"weight": torch.full((3,), float(step))}}


@pytest.fixture
def points(tmp_path):
    """Restart points after steps 1 and 2."""
    with RestartPoints(tmp_path / "run", IDENTITY, 1000) as points:
        points.save(state(1))
        points.save(state(2))
        yield points


def test_the_newest_is_loaded_whole(points):
    found = points.load()
    assert found["step"]["count"] == 2
    assert torch.equal(found["model"]["weight"], torch.full((3,), 2.0))
    points.remove()
    assert not points.folder.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-9],
        lambda content: b"",
        lambda content: content[1:],
        lambda content: content[:-1] + b"x",
    ],
)
def test_if_one_is_damaged_the_previous_one_is_used(points, capsys, damage):
    newest = points.folder / NEWEST
    newest.write_bytes(damage(newest.read_bytes()))
    assert points.load()["step"]["count"] == 1
    told = capsys.readouterr().err
    assert "newest.pt: damaged (its digest does not fit); not used" in told
    assert f"{PREVIOUS}: epoch 1, step 1" in told


def test_one_that_was_not_renamed_yet_is_the_newest(points):
    (points.folder / NEWEST).rename(points.folder / "next.pt")
    assert points.load()["step"]["count"] == 2


@pytest.mark.parametrize(
    ("identity", "reason"),
    [
        (
            {**IDENTITY, "settings": {"optimization": {"learning_rate": 0.2}}},
            "settings.optimization.learning_rate: 0.1 instead of 0.2",
        ),
        ({**IDENTITY, "start": "1" * 64}, f"start: {'0' * 64} instead of {'1' * 64}"),
    ],
)
def test_those_of_another_training_are_not_used_and_it_says_why(points, capsys, identity, reason):
    assert RestartPoints(points.folder.parent, identity, 1000).load() is None
    assert capsys.readouterr().err.count(f"of another training ({reason}); not used") == 2


def test_they_are_written_when_they_are_due_and_a_disk_that_refuses_costs_this_one_only(points, capsys):
    points.save_if_due(lambda: state(3))
    assert points.load()["step"]["count"] == 2
    points.seconds = 0
    points.save_if_due(lambda: state(3))
    assert points.load()["step"]["count"] == 3

    def refused():
        raise OSError(28, "No space left on device")

    points.save_if_due(refused)
    assert (
        "no restart point could be written (No space left on device); training goes on without"
        in capsys.readouterr().err
    )
    assert points.load()["step"]["count"] == 3


def test_two_processes_never_train_the_same_run(points):
    with (
        pytest.raises(UserError, match="another process that trains this run"),
        RestartPoints(points.folder.parent, IDENTITY, 1),
    ):
        pass

"""What a killed process was writing goes with the next write of the same target; what a living one writes stays."""

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

from badminima.storage.files import _hidden_names, temporary_folder, write_json, write_text
from badminima.training.restart import RestartPoints

# The children only write files: they need nothing that a fork would lose.
CONTEXT = multiprocessing.get_context("fork")


def a_zoo(folder: Path) -> None:
    with temporary_folder(folder / "zoo") as zoo:
        write_json(zoo / "mlp" / "card.json", {})


def a_restart_point(folder: Path) -> None:
    with RestartPoints(folder / "run", {}, 0) as points:
        points.save({"epoch": 1})


WRITERS: dict[str, Callable[[Path], None]] = {
    "text": lambda folder: write_text(folder / "report.html", "text"),
    "a zoo": a_zoo,
    "a restart point": a_restart_point,
}


def write(writer: Callable[[Path], None], folder: Path, reached: object = None) -> None:
    """Write in a process of its own; with an event, stop before the file takes its place."""
    _hidden_names.cache_clear()  # what the parent found
    if reached is not None:

        def stop(descriptor: int) -> None:
            reached.set()
            time.sleep(60)

        os.fsync = stop
    writer(folder)


@contextmanager
def stopped_in_the_middle(writer, folder: Path):
    """A process that has begun to write; killed at the end."""
    reached = CONTEXT.Event()
    process = CONTEXT.Process(target=write, args=(writer, folder, reached))
    process.start()
    assert reached.wait(30)
    yield
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def written(writer, folder: Path) -> int:
    process = CONTEXT.Process(target=write, args=(writer, folder))
    process.start()
    process.join()
    return process.exitcode


def temporaries(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob(".*")}


@pytest.mark.parametrize("kind", WRITERS)
def test_what_a_killed_process_was_writing_is_gone_after_the_next_write(kind, tmp_path):
    with stopped_in_the_middle(WRITERS[kind], tmp_path):
        pass
    assert temporaries(tmp_path)
    (tmp_path / ".notes.12.txt").touch()  # of somebody else
    assert written(WRITERS[kind], tmp_path) == 0
    assert temporaries(tmp_path) == {".notes.12.txt"}
    assert [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.startswith(".")]


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if kind != "a restart point"])  # a run has a lock of its own
def test_what_a_living_process_writes_stays_and_is_gone_when_it_is_dead(kind, tmp_path):
    with stopped_in_the_middle(WRITERS[kind], tmp_path / "live"):
        before = temporaries(tmp_path)
        assert before
        assert written(WRITERS[kind], tmp_path / "live") == 0
        assert temporaries(tmp_path) == before
    shutil.rmtree(tmp_path / "live" / "zoo", ignore_errors=True)  # a zoo replaces none
    assert written(WRITERS[kind], tmp_path / "live") == 0
    assert not temporaries(tmp_path)

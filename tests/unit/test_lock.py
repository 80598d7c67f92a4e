"""The lock pins every package by version and hash, and can be installed without CUDA as the page says."""

import re
import subprocess

import pytest

from tests.conftest import REPOSITORY

LOCK = REPOSITORY / "requirements.lock"
ENTRY = re.compile(r"^([a-z0-9-]+)==\S+( ;.*)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n", re.MULTILINE)
COMMANDS = re.findall(
    r"^(?:[^`\n]*`)?(awk (?:[^`>]|\n)+) > \S+\.txt", (REPOSITORY / "docs/how-to/run.md").read_text(), re.MULTILINE
)


def made_by(command: str) -> str:
    return subprocess.run(["sh", "-c", command], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def pinned() -> set[str]:
    return {name for name, *_ in ENTRY.findall(LOCK.read_text())}


def test_every_pin_has_hashes_and_no_index_is_named(pinned):
    assert ENTRY.sub("", LOCK.read_text()) == ""
    assert {"torch", "snakemake", "numpy"} <= pinned


def test_what_the_page_takes_out_leaves_whole_pins(pinned):
    without_cuda, without_hashes = map(made_by, COMMANDS)
    assert ENTRY.sub("", without_cuda) == ""
    left = {name for name, *_ in ENTRY.findall(without_cuda)}
    assert all(re.match("torch|triton|nvidia-|cuda-", name) for name in pinned - left)
    assert {"torch", "torchvision", "nvidia-cublas", "cuda-toolkit"} <= pinned - left
    assert "--hash" not in without_hashes
    assert {line.partition("==")[0] for line in without_hashes.splitlines()} == pinned
    assert not any(line.endswith("\\") for line in without_hashes.splitlines())

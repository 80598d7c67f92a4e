"""Files are whole or absent."""

import json
import resource
import subprocess
import sys

import numpy as np
import pytest

from badminima.errors import UserError
from badminima.files import read_json, write_json, write_text
from badminima.tensorfiles import read_tensors, write_tensors


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half of the n\udcff")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_has_null_for_what_is_not_finite(tmp_path):
    write_json(tmp_path / "x.json", {"a": float("nan"), "b": [1.5, float("inf")]})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": None, "b": [1.5, None]}


@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_a_damaged_json_file_is_named(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(UserError, match=r"x\.json"):
        read_json(tmp_path / "x.json")


def test_tensors_and_metadata_come_back(tmp_path):
    tensors = {"a": np.arange(6, dtype=np.int64).reshape(2, 3).T}
    write_tensors(tmp_path / "t.safetensors", tensors, {"names": ["x", "y"], "rate": 0.1})
    read, metadata = read_tensors(tmp_path / "t.safetensors")
    assert np.array_equal(read["a"], tensors["a"])
    assert metadata == {"names": ["x", "y"], "rate": 0.1}


@pytest.mark.parametrize("keep", [0, 4, 20, -1])
def test_a_truncated_tensor_file_is_named(tmp_path, keep):
    path = tmp_path / "t.safetensors"
    write_tensors(path, {"a": np.zeros(100)}, {})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"t\.safetensors: found a damaged tensor file"):
        read_tensors(path)


def test_a_full_disk_costs_one_line_and_leaves_no_half_file(tmp_path):
    """A limit on file size stands in for the full disk: the write fails in the same place."""
    target, manifest = tmp_path / "prepared.safetensors", tmp_path / "manifest.json"
    fetch = ["workflow/scripts/fetch_data.py", "--source=digits", f"--download-dir={tmp_path}"]
    subprocess.run([sys.executable, *fetch, f"--manifest={manifest}"], check=True)
    prepare = ["workflow/scripts/prepare_data.py", f"--manifest={manifest}", f"--prepared={target}"]
    settings = "{dataset: d, source: digits, train_size: 600, validation_size: 0, evaluate_on: test, root_seed: 0}"
    done = subprocess.run(
        [sys.executable, *prepare, "--settings", settings],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "File too large" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json"]

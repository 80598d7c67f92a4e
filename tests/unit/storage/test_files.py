"""Files are whole or absent."""

import json
import resource
import subprocess
import sys
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from badminima.errors import UserError
from badminima.storage.files import file_sha256, read_json, user_path, write_csv, write_json, write_text
from badminima.storage.tensorfiles import read_tensors, stated_digest, stream_tensors, write_tensors


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


@pytest.mark.parametrize(
    ("reader", "content", "message"),
    [
        (read_json, None, "no such file; run the stage"),
        (read_json, b"{", "damaged JSON; delete the file and run its stage again"),
        (read_json, b"[1]", "JSON of type list; expected an object"),
        (read_tensors, None, "no such file; run the stage"),
        *((read_tensors, whole[:keep], "no tensor file, or a damaged one .*; delete it and run its stage again")
          for whole in [save({"a": np.zeros(100)})] for keep in (0, 4, 20, -1)),
        (stated_digest, save({"a": np.zeros(1)}), "it states no digest"),
        (partial(read_tensors, verify=True), save({"a": np.zeros(1)}), "it states no digest"),
        (partial(read_tensors, verify=True), save({"a": np.zeros(1)}, {"sha256": "0"}), "its digest does not fit its"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named(tmp_path, reader, content, message):
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(UserError, match=f"x: found .*{message}"):
        reader(tmp_path / "x")


def test_a_full_disk_is_told_with_the_file_and_leaves_no_half_file(tmp_path):
    """A limit on file size stands in for the full disk: the write fails in the same place."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match=r"File too large: .*w\.safetensors"):
            write_tensors(tmp_path / "w.safetensors", {"a": np.zeros(10_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_a_streamed_file_is_what_safetensors_writes(tmp_path, rng):
    path, images, labels = tmp_path / "t.safetensors", rng.integers(256, size=(10, 3, 5), dtype=np.uint8), np.arange(10)
    layout = {"images": (np.uint8, images.shape), "labels": (np.int64, labels.shape)}
    with stream_tensors(path, layout, {"name": "x"}) as tensors:
        order = np.array([7, 8, 2, 0, 1, 3, 4, 5, 6, 9])
        for rows in np.split(order, [4]):
            tensors.put("images", rows, images[rows])
        tensors.put("labels", np.arange(10), labels)
        tensors.metadata["mean"] = [0.5]
    whole = {"images": images, "labels": labels}
    found = [load_file(path)]
    for framework in ("numpy", "pt"):
        read, metadata = read_tensors(path, framework, verify=True)
        found.append(read)
        assert metadata == {"name": "x", "mean": [0.5]}
    for tensors in found:
        assert tensors.keys() == whole.keys()
        assert all(np.array_equal(np.asarray(tensors[name]), array) for name, array in whole.items())


@pytest.mark.parametrize("values", [np.arange(4), np.zeros((4, 1), dtype=np.uint8)])
def test_values_that_do_not_fit_a_streamed_tensor_are_refused(tmp_path, values):
    layout = {"a": (np.uint8, (4,))}
    with (
        pytest.raises(ValueError, match=r"a: .* does not fit uint8"),
        stream_tensors(tmp_path / "t.safetensors", layout, {}) as tensors,
    ):
        tensors.put("a", np.arange(4), values)


@pytest.mark.parametrize("framework", ["numpy", "pt"])
def test_tensors_are_mapped_and_private(tmp_path, framework):
    path = tmp_path / "t.safetensors"
    across = np.arange(6).reshape(2, 3).T
    write_tensors(path, {"a": np.zeros(4), "b": np.zeros((0, 2)), "c": np.float32(3), "d": across}, {})
    read, _ = read_tensors(path, framework)
    assert np.array_equal(np.asarray(read["d"]), across)
    before = path.read_bytes()
    read["a"][0] = 5
    assert path.read_bytes() == before
    assert tuple(read["b"].shape) == (0, 2)
    assert float(read["c"]) == 3


def test_reading_a_large_file_takes_no_memory_for_it(tmp_path):
    size = 300 * 2**20
    with stream_tensors(tmp_path / "t.safetensors", {"a": (np.uint8, (size,))}, {}):
        pass
    code = (
        "import sys, resource; from pathlib import Path; from badminima.storage.tensorfiles import read_tensors\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "tensors, _ = read_tensors(Path(sys.argv[1])); tensors['a'][::50_000_000].sum()\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "t.safetensors")]
    assert int(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout) < 60 * 1024


def test_a_table_is_empty_where_a_number_is_missing_and_known_by_its_digest(tmp_path):
    write_csv(tmp_path / "t.csv", ["a", "b"], [{"a": 1, "b": float("nan")}, {"a": float("inf")}])
    content = b"a,b\n1,\ninf,\n"
    assert (tmp_path / "t.csv").read_bytes() == content
    assert file_sha256(tmp_path / "t.csv") == sha256(content).hexdigest()


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/x") == tmp_path / "x"
    assert user_path("a~b") == Path("a~b")

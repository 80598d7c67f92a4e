"""Dataset sources: what they read, and what they say of files that are not what they should be."""

import gzip
import threading
from contextlib import suppress
from functools import partial
from hashlib import md5, sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torchvision
from hypothesis import given
from hypothesis import strategies as st

from badminima.data.fetch import fetch, verified_files
from badminima.data.sources.digits import Digits
from badminima.data.sources.fashion_mnist import FashionMNIST
from badminima.data.sources.idx import parse_idx, read_bytes
from badminima.errors import UserError
from badminima.files import write_json

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")


def idx_bytes(array: np.ndarray) -> bytes:
    """An array as an IDX file."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes() + array.tobytes()


@pytest.fixture
def tiny_fashion(rng, monkeypatch) -> dict[str, bytes]:
    """Four IDX files of the real format, small, that count as the published ones while the test runs."""
    files = {}
    for part, count in (("train", 12), ("t10k", 5)):
        files[f"{part}-images-idx3-ubyte"] = idx_bytes(rng.integers(256, size=(count, 28, 28), dtype=np.uint8))
        files[f"{part}-labels-idx1-ubyte"] = idx_bytes(np.arange(count, dtype=np.uint8) % 10)
    monkeypatch.setattr(
        FashionMNIST, "digests", {name: sha256(files[name]).hexdigest() for name in FashionMNIST.digests}
    )
    return files


@pytest.fixture
def mirror(tmp_path, tiny_fashion, monkeypatch):
    """A folder served over HTTP on loopback that torchvision takes for its mirror."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    resources = []
    for name, content in tiny_fashion.items():
        archive = gzip.compress(content)
        (folder / f"{name}.gz").write_bytes(archive)
        resources.append((f"{name}.gz", md5(archive).hexdigest()))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "resources", resources)
    yield folder
    server.shutdown()
    server.server_close()


def test_digits_are_the_embedded_ones_on_the_8_bit_scale():
    origin, files = Digits().fetch(Path("unused"), None)
    raw = Digits().read(files)
    assert origin == "embedded"
    assert raw.train.images.shape == (1797, 1, 8, 8)
    assert raw.test is None
    assert raw.train.images.min() == 0
    assert raw.train.images.max() == 255
    assert len(np.unique(raw.train.images)) == 17
    assert np.bincount(raw.train.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.mark.parametrize("compressed", [True, False])
def test_fashion_mnist_is_read_from_a_local_folder_gzipped_or_not(tmp_path, tiny_fashion, compressed):
    for name, content in tiny_fashion.items():
        path = tmp_path / (name + (".gz" if compressed else ""))
        path.write_bytes(gzip.compress(content) if compressed else content)
    origin, files = FashionMNIST().fetch(tmp_path / "unused", tmp_path)
    raw = FashionMNIST().read(files)
    assert origin == "local"
    assert raw.train.images.shape == (12, 1, 28, 28)
    assert raw.test.labels.tolist() == [0, 1, 2, 3, 4]
    assert not (tmp_path / "unused").exists()


def test_the_debian_package_is_fashion_mnist():
    if not DEBIAN_FOLDER.is_dir():
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    _, files = FashionMNIST().fetch(Path("unused"), DEBIAN_FOLDER)
    raw = FashionMNIST().read(files)
    assert raw.train.images.shape == (60000, 1, 28, 28)
    assert raw.test.images.shape == (10000, 1, 28, 28)
    assert np.bincount(raw.train.labels).tolist() == [6000] * 10


def test_a_local_file_with_other_content_is_refused(tmp_path, tiny_fashion):
    for name, content in tiny_fashion.items():
        (tmp_path / name).write_bytes(content)
    changed = tmp_path / "t10k-labels-idx1-ubyte"
    changed.write_bytes(changed.read_bytes()[:-1] + b"\x07")
    with pytest.raises(UserError, match="t10k-labels-idx1-ubyte: found content that is not Fashion-MNIST's"):
        FashionMNIST().fetch(tmp_path, tmp_path)


def test_a_missing_local_file_is_named(tmp_path, tiny_fashion):
    with pytest.raises(UserError, match="no train-images-idx3-ubyte"):
        FashionMNIST().fetch(tmp_path, tmp_path)


def test_fashion_mnist_is_downloaded_once(tmp_path, mirror):
    origin, files = FashionMNIST().fetch(tmp_path / "data", None)
    assert origin == "download"
    assert len(FashionMNIST().read(files).train) == 12
    for archive in mirror.iterdir():
        archive.unlink()
    assert FashionMNIST().fetch(tmp_path / "data", None) == (origin, files)


def test_a_wrong_byte_in_a_download_is_refused_and_the_next_run_recovers(tmp_path, mirror):
    archive = mirror / "train-labels-idx1-ubyte.gz"
    good = archive.read_bytes()
    archive.write_bytes(good[:-9] + bytes([good[-9] ^ 1]) + good[-8:])
    with pytest.raises(UserError, match="fashion_mnist: found no download"):
        FashionMNIST().fetch(tmp_path / "data", None)
    archive.write_bytes(good)
    FashionMNIST().fetch(tmp_path / "data", None)


def test_a_missing_archive_is_one_line_and_the_next_run_recovers(tmp_path, mirror):
    archive = mirror / "train-images-idx3-ubyte.gz"
    good = archive.read_bytes()
    archive.unlink()
    with pytest.raises(UserError) as error:
        FashionMNIST().fetch(tmp_path / "data", None)
    assert "404" in str(error.value)
    assert "\n" not in str(error.value)
    archive.write_bytes(good)
    FashionMNIST().fetch(tmp_path / "data", None)


def test_a_file_that_a_killed_download_left_half_unpacked_is_replaced(tmp_path, mirror):
    _, files = FashionMNIST().fetch(tmp_path / "data", None)
    path = files["train-images-idx3-ubyte"]
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    FashionMNIST().fetch(tmp_path / "data", None)
    assert path.read_bytes() == whole


def test_the_manifest_names_the_files_and_notices_a_change(tmp_path, tiny_fashion):
    for name, content in tiny_fashion.items():
        (tmp_path / name).write_bytes(content)
    manifest = fetch("fashion_mnist", tmp_path / "data", tmp_path)
    assert manifest["origin"] == "local"
    write_json(tmp_path / "manifest.json", manifest)
    files, digests = verified_files(tmp_path / "manifest.json")
    assert set(files) == set(digests) == set(tiny_fashion)
    files["train-labels-idx1-ubyte"].write_bytes(b"other")
    with pytest.raises(UserError, match="changed content"):
        verified_files(tmp_path / "manifest.json")


def test_a_source_that_is_not_there_yet_is_told_in_one_line(tmp_path):
    with pytest.raises(UserError, match="'cifar10', which this version does not provide yet; available: digits"):
        fetch("cifar10", tmp_path, None)


def test_a_local_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(UserError, match=r"data\.local_dirs\.fashion_mnist: found .*absent"):
        fetch("fashion_mnist", tmp_path, tmp_path / "absent")


@given(st.binary(max_size=64), st.sampled_from([1, 3]))
def test_the_idx_parser_survives_any_bytes(content, dimensions):
    with suppress(UserError):
        assert parse_idx(content, dimensions, Path("x")).ndim == dimensions


@given(st.lists(st.integers(0, 255), max_size=20), st.integers(0, 30))
def test_an_idx_file_comes_back_whole_and_a_cut_one_is_refused(values, keep):
    content = idx_bytes(np.array(values, dtype=np.uint8))
    assert parse_idx(content, 1, Path("x")).tolist() == values
    if keep < len(content):
        with pytest.raises(UserError):
            parse_idx(content[:keep], 1, Path("x"))


@pytest.mark.parametrize("keep", [3, 15, -5])
def test_a_cut_gzip_file_is_named(tmp_path, keep):
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(bytes(range(200)))[:keep])
    with pytest.raises(UserError, match=r"labels\.gz: found a damaged file"):
        read_bytes(path)

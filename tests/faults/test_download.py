"""Every way a download can go wrong ends in the right data or in one clear line, and the next run recovers."""

import gzip
import multiprocessing
import resource
import time
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from badminima.data import download as module
from badminima.data.download import Published, download
from badminima.data.raw import fetch
from badminima.data.sources import cifar
from badminima.errors import UserError
from tests import generated
from tests.mirror import Mirror

FORK = multiprocessing.get_context("fork")
CONTENT = np.random.default_rng(0).bytes(3_000_000)


@dataclass
class Site:
    """A mirror with one file, and the folder it is downloaded to."""

    mirror: Mirror
    folder: Path
    file: Published

    def download(self) -> bytes:
        return download(self.file, self.folder, [self.mirror.address], "cifar10").read_bytes()

    @property
    def part(self) -> Path:
        """Where the beginning of a download from the mirror lies."""
        address = f"{self.mirror.address}/data.bin"
        return self.folder / f".data.bin.{sha256(address.encode()).hexdigest()[:8]}.part"

    @property
    def left(self) -> list[str]:
        """List what lies in the folder, but for locks."""
        return sorted(path.name for path in self.folder.iterdir() if path.suffix != ".lock")


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0.01)
    monkeypatch.setattr(module, "TIMEOUT", 0.5)
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "data.bin").write_bytes(CONTENT)
    file = Published("data.bin", (), f"sha256:{sha256(CONTENT).hexdigest()}")
    with Mirror(tmp_path / "mirror") as mirror:
        yield Site(mirror, tmp_path / "data", file)


def test_a_file_is_downloaded_once(site):
    assert site.download() == CONTENT
    assert site.download() == CONTENT
    assert len(site.mirror.requests) == 1
    assert site.left == ["data.bin"]


@pytest.mark.parametrize("fault", ["cut", "stall", "no parts"])
def test_a_broken_connection_is_taken_up_where_it_broke(site, fault):
    site.mirror.faults["data.bin"] = ["cut", fault] if fault == "no parts" else [fault]
    assert site.download() == CONTENT
    asked_for = site.mirror.requests[1][1].removeprefix("bytes=").removesuffix("-")
    assert 1_400_000 < int(asked_for) <= 1_500_000


@pytest.mark.parametrize("fault", ["500", "hang"])
def test_a_server_in_trouble_is_asked_again(site, fault):
    site.mirror.faults["data.bin"] = [fault, fault]
    assert site.download() == CONTENT
    assert len(site.mirror.requests) == 3


@pytest.mark.parametrize(
    ("fault", "reason", "requests"),
    [
        ("404", "404 Client Error", 1),
        ("500", "500 Server Error", 4),
        ("hang", "timed out", 4),
        ("cut", "bytes read", 4),
    ],
)
def test_a_server_that_stays_so_costs_one_line_and_the_next_run_recovers(site, fault, reason, requests):
    site.mirror.faults["data.bin"] = [fault] * requests
    with pytest.raises(UserError, match=reason) as error:
        site.download()
    assert "\n" not in str(error.value)
    assert "data.urls.cifar10" in str(error.value)
    assert len(site.mirror.requests) == requests
    assert "data.bin" not in site.left
    assert site.download() == CONTENT


def test_a_wrong_byte_is_refused_and_the_next_run_recovers(site):
    site.mirror.faults["data.bin"] = ["wrong byte"]
    with pytest.raises(UserError, match="another content than the published one"):
        site.download()
    assert site.left == []
    assert site.download() == CONTENT


@pytest.mark.parametrize("part", [b"x" * 1000, b"x" * (len(CONTENT) + 1), CONTENT, CONTENT[:1000]])
def test_whatever_lies_in_a_part_the_file_is_right(site, part):
    site.folder.mkdir()
    site.part.write_bytes(part)
    assert site.download() == CONTENT
    again = [] if CONTENT.startswith(part) else [None]
    assert [asked for _, asked in site.mirror.requests] == [f"bytes={len(part)}-", *again]
    assert site.left == ["data.bin"]


def test_what_a_bad_mirror_sent_is_not_continued_from_a_good_one(site, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "data.bin").write_bytes(bytes(len(CONTENT)))
    with Mirror(tmp_path / "bad", faults={"data.bin": ["cut", "404"]}) as bad:
        found = download(site.file, site.folder, [bad.address, site.mirror.address], "cifar10")
    assert found.read_bytes() == CONTENT
    assert site.mirror.requests == [("/data.bin", None)]


def test_an_archive_that_a_server_labels_as_encoded_is_kept_as_it_is(site):
    archive = gzip.compress(CONTENT)
    (site.mirror.folder / "data.bin").write_bytes(archive)
    site.mirror.headers["Content-Encoding"] = "gzip"
    file = Published("data.bin", (), f"sha256:{sha256(archive).hexdigest()}")
    assert download(file, site.folder, [site.mirror.address], "cifar10").read_bytes() == archive


def test_a_file_that_is_there_needs_no_right_to_write(site):
    site.download()
    for lock in site.folder.glob(".*"):
        lock.unlink()
    site.folder.chmod(0o555)
    assert site.download() == CONTENT
    assert not list(site.folder.glob(".*"))


def test_three_processes_download_and_unpack_one_archive(site, rng, monkeypatch):
    generated.publish_cifar(site.mirror.folder, cifar.Cifar10, rng, monkeypatch)
    arguments = ("cifar10", site.folder, None, [site.mirror.address])
    processes = [FORK.Process(target=fetch, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(site.mirror.requests) == 1


def test_the_official_address_is_asked_when_the_mirror_fails(site):
    elsewhere = Published("data.bin", (f"{site.mirror.address}/data.bin",), site.file.digest)
    content = download(elsewhere, site.folder, [f"{site.mirror.address}/absent"], "cifar10").read_bytes()
    assert content == CONTENT
    assert [path for path, _ in site.mirror.requests] == ["/absent/data.bin", "/data.bin"]


def test_no_network_is_one_line(site):
    site.mirror.__exit__()
    with pytest.raises(UserError, match="cifar10: found no download"):
        site.download()


def test_credentials_come_from_netrc_and_are_not_told(site, tmp_path, monkeypatch, capfd):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hunter2")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    site.download()
    assert site.mirror.authorizations == ["Basic " + b64encode(b"me:hunter2").decode()]
    assert "hunter2" not in "".join(capfd.readouterr())


def test_a_killed_download_goes_on_where_it_was(site):
    site.mirror.faults["data.bin"] = ["stall"]
    process = FORK.Process(target=site.download)
    process.start()
    while not (site.part.exists() and site.part.stat().st_size >= 1_400_000):
        assert process.is_alive()
        time.sleep(0.05)
    process.kill()
    process.join()
    had = site.part.stat().st_size
    assert site.download() == CONTENT
    assert site.mirror.requests[-1][1] == f"bytes={had}-"


def test_what_a_full_disk_took_is_gone_on_with(site):
    """A limit on file size stands in for the full disk: the write fails in the same place."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_200_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            site.download()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert site.download() == CONTENT


def test_an_unpacked_archive_that_a_kill_left_half_done_is_replaced(site, rng, monkeypatch):
    generated.publish_cifar(site.mirror.folder, cifar.Cifar10, rng, monkeypatch)
    manifest = fetch("cifar10", site.folder, None, [site.mirror.address])
    Path(manifest["files"]["data_batch_3"]["path"]).write_bytes(b"half")
    assert fetch("cifar10", site.folder, None, [site.mirror.address]) == manifest

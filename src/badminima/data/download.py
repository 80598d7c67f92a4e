"""Downloading a published file: from mirrors, through proxies, resumed where it broke off, verified before use."""

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path

import requests
import urllib3
from filelock import FileLock

from badminima.cli import Progress
from badminima.errors import UserError

# Seconds of silence after which a server counts as hung.
TIMEOUT = 60.0
# How often a transfer that breaks off is taken up again, and the seconds before the first time; they double.
ATTEMPTS = 4
PAUSE = 1.0
BLOCK = 1 << 16
MEBIBYTE = 1 << 20
# Locks that everybody in a lab may take.
SHARED = 0o666
FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError)


@dataclass(frozen=True)
class Published:
    """A file that its authors publish.

    Attributes:
        name: the file's name, on mirrors too.
        addresses: its official addresses.
        digest: ``algorithm:hexadecimal``, of the whole file.
    """

    name: str
    addresses: tuple[str, ...]
    digest: str

    def matches(self, path: Path) -> bool:
        """Whether a file has the published content."""
        algorithm, digest = self.digest.split(":")
        with path.open("rb") as handle:
            return file_digest(handle, algorithm).hexdigest() == digest

    def inside(self, local_dir: Path) -> Path | None:
        """Return the file in a folder, or the file that was given for a folder; None if it isn't there.

        Raises:
            UserError: if it has another content.
        """
        archive = local_dir if local_dir.is_file() else local_dir / self.name
        if not archive.is_file():
            return None
        if not self.matches(archive):
            raise UserError(archive, "another content than the published one", "expected the published archive")
        return archive


def download(file: Published, folder: Path, mirrors: Sequence[str], source: str) -> Path:
    """Download a file, unless it is already there and right.

    Proxies are taken from the environment (``HTTPS_PROXY``, ``NO_PROXY``, ...), credentials from ``.netrc``. What
    arrives is kept beside the target in a ``.part`` file, so that the next attempt, or the next run, asks only for the
    rest; it gets its name when its digest is right. Processes that want the same file wait for each other.

    Args:
        file: what is wanted.
        folder: where it goes.
        mirrors: addresses of folders tried before the official address.
        source: name of the dataset source, for messages.

    Raises:
        UserError: if no address gives the right file.
        OSError: if the disk refuses.
    """
    target = folder / file.name
    if target.is_file() and file.matches(target):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    with FileLock(folder / f".{file.name}.lock", mode=SHARED):
        if target.is_file() and file.matches(target):
            return target
        for address in [*(f"{mirror.rstrip('/')}/{file.name}" for mirror in mirrors), *file.addresses]:
            # Each address has a part of its own: what a bad mirror sent must not be continued from a good one.
            partial = folder / f".{file.name}.{sha256(address.encode()).hexdigest()[:8]}.part"
            print(f"downloading {address}", file=sys.stderr, flush=True)
            try:
                # A wrong digest after a transfer that went on from a part gets a fresh start.
                for _ in range(2 if partial.exists() else 1):
                    _transfer_at_last(address, partial)
                    if file.matches(partial):
                        return partial.replace(target)
                    partial.unlink()
                failures.append(f"{address}: another content than the published one")
            except FAILURES as error:
                failures.append(f"{address}: {_in_one_line(error)}")
    raise UserError(
        source,
        f"no download ({'; '.join(failures)})",
        f"check the network and run again, name a mirror in data.urls.{source}, "
        f"or a folder that holds {file.name} in data.local_dirs.{source}",
    )


def _transfer_at_last(address: str, partial: Path) -> None:
    """Transfer a file, and go on where the connection broke off; raise the failure of the last attempt."""
    for attempt in range(ATTEMPTS):
        try:
            _transfer(address, partial)
        except FAILURES as error:
            response = error.response if isinstance(error, requests.RequestException) else None
            # A server in trouble may recover; a file that is missing there stays missing.
            lasting = response is not None and response.status_code < 500 and response.status_code != 429
            if lasting or attempt == ATTEMPTS - 1:
                raise
            print(f"{address}: {_in_one_line(error)}; trying again", file=sys.stderr, flush=True)
            time.sleep(PAUSE * 2**attempt)
        else:
            return


def _transfer(address: str, partial: Path) -> None:
    """Get what is missing of a file; a server that cannot send a part sends it from the start."""
    had = partial.stat().st_size if partial.exists() else 0
    # identity: an archive must not be unpacked on the way, and parts are counted in its own bytes.
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={had}-"} if had else {})}
    with requests.get(address, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # nothing is missing, or the part is of another file, as its digest will tell
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        done = had if resumed else 0
        total = done + int(response.headers.get("Content-Length", 0))
        progress = Progress(-(-total // MEBIBYTE), partial.name[1:].rsplit(".", 2)[0], every=5.0)
        with partial.open("ab" if resumed else "wb") as handle, closing(progress):
            # As sent: some servers label a .tar.gz as gzip-encoded, and it must not be unpacked on the way.
            for block in response.raw.stream(BLOCK, decode_content=False):
                handle.write(block)
                done += len(block)
                if done % MEBIBYTE < len(block):
                    progress.update(done // MEBIBYTE, "MiB")


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())

"""Downloading a published file: from mirrors, through proxies, resumed where it broke off, verified before use."""

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pooch
import requests
import urllib3
from filelock import FileLock

from badminima.cli import Progress
from badminima.config.data import MIRRORS
from badminima.errors import UserError, without_secrets

# Seconds of silence after which a server counts as hung.
TIMEOUT = 60.0
# How often a transfer that breaks off is taken up again, and the seconds before the first time; they double.
ATTEMPTS = 4
PAUSE = 1.0
BLOCK = 1 << 16
MEBIBYTE = 1 << 20
# Locks that everybody in a lab may take.
SHARED = 0o666


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
        return bool(pooch.file_hash(str(path), algorithm) == digest)


def with_secrets(source: str, mirrors: Sequence[str]) -> list[str]:
    """Return a source's mirrors with the credentials that the environment has for them.

    Raises:
        UserError: if some are masked, and the environment has none that fit.
    """
    known: list[str] = json.loads(os.environ.get(MIRRORS, "{}")).get(source, [])
    if [without_secrets(address) for address in known] == list(mirrors):
        return known
    if masked := [mirror for mirror in mirrors if "***" in mirror]:
        raise UserError("--mirrors", masked[0], "expected the address with its credentials")
    return list(mirrors)


def file_at(mirror: str, name: str) -> str:
    """Return the address of a file in a folder, before the folder's query."""
    parts = urlsplit(mirror)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{name}").geturl()


def download(file: Published, folder: Path, mirrors: Sequence[str], source: str) -> Path:
    """Download a file, unless it is already there and right.

    Proxies are taken from the environment (``HTTPS_PROXY``, ``NO_PROXY``, ...). What arrives is kept beside the
    target in a ``.part`` file, so that the next attempt, or the next run, asks only for the rest; it gets its name
    when its digest is right. Processes that want the same file wait for each other.

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
        for address in [*(file_at(mirror, file.name) for mirror in mirrors), *file.addresses]:
            # Each address has a part of its own: what a bad mirror sent must not be continued from a good one.
            partial = folder / f".{file.name}.{sha256(address.encode()).hexdigest()[:8]}.part"
            try:
                return _retrieve(file, folder, address, partial)
            except requests.RequestException as error:
                failures.append(f"{address}: {_reason(error)}")
            except ValueError:  # pooch's word for a wrong digest
                failures.append(f"{address}: another content than the published one")
    raise UserError(
        source,
        f"no download ({'; '.join(failures)})",
        f"check the network and run again, name a mirror in data.urls.{source}, "
        f"or a folder that holds {file.name} in data.local_dirs.{source}",
    )


def _retrieve(file: Published, folder: Path, address: str, partial: Path) -> Path:
    """Download from one address; a wrong digest after a transfer that went on from a part gets a fresh start."""
    # pooch would print the address as it is.
    pooch.get_logger().setLevel("WARNING")
    print(f"downloading {without_secrets(address)}", file=sys.stderr, flush=True)
    had_part = partial.exists()
    try:
        found = pooch.retrieve(address, file.digest, file.name, folder, downloader=_ResumingDownloader(partial))
    except ValueError:
        if not had_part:
            raise
        found = pooch.retrieve(address, file.digest, file.name, folder, downloader=_ResumingDownloader(partial))
    return Path(found)


class _ResumingDownloader:
    """A downloader for pooch that goes on where the last transfer broke off."""

    def __init__(self, partial: Path) -> None:
        self.partial = partial

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Download ``url``; what arrives is kept in ``partial`` until it is whole."""
        for attempt in range(ATTEMPTS):
            try:
                _transfer(url, self.partial)
            except requests.RequestException as error:
                if not _may_pass(error) or attempt == ATTEMPTS - 1:
                    raise
                print(f"{without_secrets(url)}: {_reason(error)}; trying again", file=sys.stderr, flush=True)
                time.sleep(PAUSE * 2**attempt)
            else:
                break
        os.replace(self.partial, output_file)


def _transfer(url: str, partial: Path) -> None:
    """Get what is missing of a file; a server that cannot send a part sends it from the start."""
    had = partial.stat().st_size if partial.exists() else 0
    # identity: an archive must not be unpacked on the way, and parts are counted in its own bytes.
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={had}-"} if had else {})}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            # Nothing is missing, or the part is of another file: its digest tells, and a wrong part is not kept.
            if response.headers.get("Content-Range", "").endswith(f"/{had}"):
                return
            partial.unlink()
            raise requests.ConnectionError("the server has less than was already there")
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        done = had if resumed else 0
        length = response.headers.get("Content-Length")
        progress = Progress(
            -(-(done + int(length)) // MEBIBYTE) if length else 0, partial.name[1:].rsplit(".", 2)[0], every=5.0
        )
        try:
            with partial.open("ab" if resumed else "wb") as handle:
                # As sent: some servers label a .tar.gz as gzip-encoded, and it must not be unpacked on the way.
                for block in response.raw.stream(BLOCK, decode_content=False):
                    handle.write(block)
                    if (done + len(block)) // MEBIBYTE > done // MEBIBYTE:
                        progress.update((done + len(block)) // MEBIBYTE, "MiB")
                    done += len(block)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise requests.ReadTimeout(error) from None
        except urllib3.exceptions.HTTPError as error:
            raise requests.exceptions.ChunkedEncodingError(error) from None
        finally:
            progress.close()


def _may_pass(error: requests.RequestException) -> bool:
    """Whether trying again may help: a broken connection, silence, or a server in trouble; not a missing file."""
    if error.response is not None:
        return error.response.status_code >= 500 or error.response.status_code == requests.codes.too_many_requests
    return isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError)


def _reason(error: requests.RequestException) -> str:
    """Return a request's failure in a few words."""
    if error.response is not None:
        return f"{error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"no answer in {TIMEOUT:g} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    return without_secrets(" ".join(str(error).split()))

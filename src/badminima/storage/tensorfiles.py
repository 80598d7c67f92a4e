"""Safetensors files with typed metadata: no pickle, memory-mapped by readers, written atomically, with a digest.

``stream_tensors`` writes a file piece by piece, for tensors that are larger than memory.
"""

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open

from badminima.errors import UserError
from badminima.storage.files import atomic_path, readable

# Bytes kept free in a header, for metadata that is known only at the end.
METADATA_ROOM = 4096
DIGEST = "sha256"
BLOCK = 1 << 20

Layout = Mapping[str, tuple[Any, tuple[int, ...]]]
# What safetensors calls the types that numpy has too: their kinds, and their sizes in bytes.
SIZES = [("I", (1, 2, 4, 8)), ("U", (1, 2, 4, 8)), ("F", (2, 4, 8))]
TYPES = {f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind, sizes in SIZES for size in sizes} | {"BOOL": "?"}
NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}


@dataclass(frozen=True)
class TensorStream:
    """A tensor file being written.

    Attributes:
        metadata: JSON-serialisable values by key; written at the end, so the block may add to it.
    """

    metadata: dict[str, Any]
    _handle: BinaryIO
    _layout: Layout
    _offsets: Mapping[str, int]

    def put(self, name: str, rows: np.ndarray, values: np.ndarray) -> None:
        """Write rows of a tensor.

        Args:
            name: the tensor.
            rows: their positions along its first axis, ``[k]``.
            values: ``[k, ...]`` of the tensor's type.
        """
        kind, shape = self._layout[name]
        if values.dtype != kind or values.shape != (len(rows), *shape[1:]):
            raise ValueError(f"{name}: {values.dtype} {values.shape} does not fit {np.dtype(kind)} {shape}")
        stride = values[:1].nbytes
        # Neighbours go to the disk together.
        for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows) != 1) + 1):
            if len(run):
                self._handle.seek(self._offsets[name] + int(rows[run[0]]) * stride)
                self._handle.write(values[run[0] : run[-1] + 1].tobytes())

    def put_whole(self, name: str, array: np.ndarray) -> None:
        """Write a whole tensor."""
        self._handle.seek(self._offsets[name])
        self._handle.write(array.tobytes())


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
    """Write arrays and metadata.

    Args:
        path: the file.
        tensors: arrays by name.
        metadata: JSON-serialisable values by key; safetensors stores text only, so each is stored as JSON.

    Raises:
        OSError: if the disk refuses.
    """
    layout = {name: (np.asarray(array).dtype, np.asarray(array).shape) for name, array in tensors.items()}
    with stream_tensors(path, layout, metadata) as stream:
        for name, array in tensors.items():
            stream.put_whole(name, np.asarray(array))


@contextmanager
def stream_tensors(path: Path, layout: Layout, metadata: Mapping[str, Any]) -> Iterator[TensorStream]:
    """Write a tensor file piece by piece, in memory that does not grow with it; whole or absent like every file.

    Args:
        path: the file.
        layout: numpy type and shape of each tensor by name.
        metadata: what is known of it beforehand.

    Yields:
        The stream; rows that the block does not put are zero.

    Raises:
        OSError: if the disk refuses.
    """
    entries: dict[str, Any] = {}
    end = 0
    # Wider types first: the format wants tensors without gaps, and so each stays aligned.
    for name, (kind, shape) in sorted(layout.items(), key=lambda item: -np.dtype(item[1][0]).itemsize):
        start, end = end, end + prod(shape) * np.dtype(kind).itemsize
        entries[name] = {"dtype": NAMES[np.dtype(kind)], "shape": list(shape), "data_offsets": [start, end]}
    room = len(json.dumps({"__metadata__": _as_text(metadata), **entries})) + METADATA_ROOM
    room += -room % 8
    with atomic_path(path) as temporary, temporary.open("wb+") as handle:
        handle.truncate(8 + room + end)
        offsets = {name: 8 + room + entry["data_offsets"][0] for name, entry in entries.items()}
        yield (stream := TensorStream(dict(metadata), handle, layout, offsets))
        stated = {"__metadata__": _as_text(stream.metadata), **entries}
        stated["__metadata__"][DIGEST] = _digest(handle, 8 + room, stated)
        text = json.dumps(stated).encode()
        if len(text) > room:
            raise ValueError(f"{len(text) - room} bytes more metadata than there is room for")
        handle.seek(0)
        handle.write(struct.pack("<Q", room) + text.ljust(room))


def read_tensors(path: Path, framework: str = "numpy", verify: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """Open all tensors and the metadata of a file; the values are memory-mapped, read when they are used.

    Args:
        path: the file.
        framework: ``numpy`` for arrays, ``pt`` for torch tensors. Writing to them changes no file.
        verify: compare the content with the digest in the file, which reads all of it once.

    Raises:
        UserError: if the file is missing, truncated, not a safetensors file, or it is to be verified and its digest is
            missing or does not fit.
    """
    with _one_line_errors(path):
        with safe_open(path, framework) as handle:
            names = handle.keys() if framework != "numpy" else []
            tensors = {name: handle.get_tensor(name) for name in names}
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header, begin = json.loads(file.read(size)), 8 + size
            stated = header.pop("__metadata__", {})
            digest = _digest_in(stated) if verify else ""
            texts = {key: value for key, value in stated.items() if key != DIGEST}
            if verify and _digest(file, begin, {"__metadata__": texts, **header}) != digest:
                raise ValueError("its digest does not fit its content")
        metadata = {key: json.loads(text) for key, text in texts.items()}
        return (tensors if framework != "numpy" else _mapped(path, header, begin)), metadata


def stated_digest(path: Path) -> str:
    """Return the digest that a tensor file states of its content; only its head is read.

    Raises:
        UserError: if the file is missing or damaged, or states none.
    """
    with _one_line_errors(path), safe_open(path, "numpy") as handle:
        return _digest_in(handle.metadata() or {})


def require_tensors(path: Path, tensors: Mapping[str, Any], names: Iterable[str], what: str) -> None:
    """Make sure that a file holds the tensors of what it should be; raises UserError with their names if not."""
    if missing := [name for name in names if name not in tensors]:
        raise UserError(path, f"no tensor {', '.join(missing)}", f"expected {what}; run its stage again")


@contextmanager
def _one_line_errors(path: Path) -> Iterator[None]:
    """Turn whatever is wrong with a tensor file into a UserError."""
    try:
        with readable(path):
            path.open("rb").close()  # safetensors takes a file that may not be read for a missing one
            yield
    except (SafetensorError, ValueError, RecursionError) as error:
        found = " ".join(f"no tensor file, or a damaged one ({error})".split())
        raise UserError(path, found, "delete it and run its stage again") from None


def _digest_in(metadata: Mapping[str, str]) -> str:
    if DIGEST not in metadata:
        raise ValueError("it states no digest")
    return metadata[DIGEST]


def _mapped(path: Path, header: Mapping[str, Any], begin: int) -> dict[str, np.ndarray]:
    """Return the tensors of a valid file; safetensors itself would copy them into memory."""
    is_empty = path.stat().st_size == begin  # of which there is no map
    content = np.empty(0, np.uint8) if is_empty else np.memmap(path, np.uint8, "c", begin).view(np.ndarray)
    return {
        name: content[slice(*entry["data_offsets"])].view(TYPES[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
    }


def _digest(handle: BinaryIO, begin: int, header: Mapping[str, Any]) -> str:
    """SHA-256 of the header, without the digest, and of the data that begin at ``begin``."""
    digest = sha256(json.dumps(header, sort_keys=True).encode())
    handle.seek(begin)
    while block := handle.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _as_text(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {key: json.dumps(value) for key, value in metadata.items()}

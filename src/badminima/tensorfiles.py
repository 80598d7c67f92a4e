"""Safetensors files with typed metadata: no pickle, memory-mapped by readers, written atomically.

``stream_tensors`` writes a file piece by piece, for tensors that are larger than memory.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from badminima.errors import UserError
from badminima.files import atomic_path

# The format's names of the types that are written in pieces.
TYPE_NAMES = {np.dtype(np.uint8): "U8", np.dtype(np.int64): "I64"}
# Bytes kept free in a streamed header, for metadata that is known only at the end.
METADATA_ROOM = 4096


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
    """Write arrays and metadata.

    Args:
        path: the file.
        tensors: arrays by name.
        metadata: JSON-serialisable values by key; safetensors stores text only, so each is stored as JSON.

    Raises:
        UserError: if the disk refuses.
    """
    contiguous = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(contiguous, temporary, _as_text(metadata))
        except SafetensorError as error:
            raise UserError(path, f"a disk that refuses ({error})", "make room or choose another folder") from None


@dataclass(frozen=True)
class TensorStream:
    """A tensor file being written.

    Attributes:
        metadata: JSON-serialisable values by key; written at the end, so the block may add to it.
    """

    metadata: dict[str, Any]
    _handle: BinaryIO
    _shapes: Mapping[str, tuple[int, ...]]
    _types: Mapping[str, np.dtype[Any]]
    _offsets: Mapping[str, int]

    def put(self, name: str, rows: np.ndarray, values: np.ndarray) -> None:
        """Write rows of a tensor.

        Args:
            name: the tensor.
            rows: their positions along its first axis, ``[k]``.
            values: ``[k, ...]`` of the tensor's type.
        """
        shape = self._shapes[name]
        if values.shape != (len(rows), *shape[1:]) or values.dtype != self._types[name]:
            raise ValueError(f"{name}: {values.dtype} {values.shape} does not fit {self._types[name]} {shape}")
        stride = values[:1].nbytes
        # Neighbours go to the disk together.
        for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows) != 1) + 1):
            if len(run):
                self._handle.seek(self._offsets[name] + int(rows[run[0]]) * stride)
                self._handle.write(np.ascontiguousarray(values[run[0] : run[-1] + 1]).data)


@contextmanager
def stream_tensors(
    path: Path, layout: Mapping[str, tuple[type[np.generic], tuple[int, ...]]], metadata: Mapping[str, Any]
) -> Iterator[TensorStream]:
    """Write a tensor file piece by piece, in memory that does not grow with it; whole or absent like every file.

    Args:
        path: the file.
        layout: type (uint8 or int64) and shape of each tensor by name.
        metadata: what is known of it beforehand.

    Yields:
        The stream; rows that the block does not put are zero.
    """
    types = {name: np.dtype(kind) for name, (kind, _) in layout.items()}
    shapes = {name: shape for name, (_, shape) in layout.items()}
    # Wider types first: the format wants tensors without gaps, and so each stays aligned.
    names = sorted(layout, key=lambda name: -types[name].itemsize)
    header: dict[str, Any] = {}
    starts, end = {}, 0
    for name in names:
        starts[name], end = end, end + prod(shapes[name]) * types[name].itemsize
        header[name] = {"dtype": TYPE_NAMES[types[name]], "shape": shapes[name], "data_offsets": [starts[name], end]}
    room = len(json.dumps({"__metadata__": _as_text(metadata), **header})) + METADATA_ROOM
    room += -room % 8
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        handle.truncate(8 + room + end)
        offsets = {name: 8 + room + start for name, start in starts.items()}
        stream = TensorStream(dict(metadata), handle, shapes, types, offsets)
        yield stream
        text = json.dumps({"__metadata__": _as_text(stream.metadata), **header}).encode()
        if len(text) > room:
            raise ValueError(f"{len(text) - room} bytes more metadata than there is room for")
        handle.seek(0)
        handle.write(struct.pack("<Q", room) + text.ljust(room))


def read_tensors(path: Path, framework: str = "numpy") -> tuple[dict[str, Any], dict[str, Any]]:
    """Open all tensors and the metadata of a file; the values are memory-mapped, read when they are used.

    Args:
        path: the file.
        framework: ``numpy`` for arrays, ``pt`` for torch tensors. Writing to them changes no file.

    Raises:
        UserError: if the file is missing, truncated or not a safetensors file.
    """
    try:
        with safe_open(path, framework) as handle:
            metadata = {key: json.loads(value) for key, value in (handle.metadata() or {}).items()}
            if framework != "numpy":
                return {name: handle.get_tensor(name) for name in handle.keys()}, metadata  # noqa: SIM118
    except FileNotFoundError:
        raise UserError(path, "no such file", "run the stage that writes it first") from None
    except (SafetensorError, ValueError) as error:
        raise UserError(path, f"a damaged tensor file ({error})", "delete it and run its stage again") from None
    return _mapped(path), metadata


def _mapped(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a valid file; safetensors itself would copy them into memory."""
    with path.open("rb") as handle:
        (size,) = struct.unpack("<Q", handle.read(8))
        header = json.loads(handle.read(size))
    header.pop("__metadata__", None)
    if not any(entry["data_offsets"][1] for entry in header.values()):
        content = np.empty(0, dtype=np.uint8)
    else:
        content = np.memmap(path, dtype=np.uint8, mode="c", offset=8 + size).view(np.ndarray)
    return {
        name: content[slice(*entry["data_offsets"])].view(_numpy_type(entry["dtype"])).reshape(entry["shape"])
        for name, entry in header.items()
    }


def _numpy_type(name: str) -> np.dtype[Any]:
    """The numpy type of a safetensors type name such as ``F32`` or ``U8``."""
    return np.dtype(np.bool_) if name == "BOOL" else np.dtype(f"<{name[0].lower()}{int(name[1:]) // 8}")


def _as_text(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {key: json.dumps(value) for key, value in metadata.items()}

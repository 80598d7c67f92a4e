"""The IDX format of the MNIST family: big-endian header, then unsigned bytes."""

import gzip
from pathlib import Path

import numpy as np

from badminima.data.archives import damage_named
from badminima.errors import UserError

UNSIGNED_BYTE = 0x08
GZIP_MAGIC = b"\x1f\x8b"


def read_bytes(path: Path) -> bytes:
    """Return the content of a file, decompressed if it is gzip'd; raises UserError if it is missing or damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(path, "no such file", "fetch the dataset again") from None
    if not content.startswith(GZIP_MAGIC):
        return content
    with damage_named(path, "file"):
        return gzip.decompress(content)


def parse_idx(content: bytes, dimensions: int, where: Path) -> np.ndarray:
    """Parse IDX bytes.

    Args:
        content: the uncompressed file: 2 zero bytes, type, number of dimensions, sizes, values.
        dimensions: how many dimensions are expected (3 for images, 1 for labels).
        where: the file, for messages.

    Returns:
        ``uint8`` array of the shape that the header states.

    Raises:
        UserError: if the header is not that of ``dimensions``-dimensional bytes or the size does not fit it.
    """
    header = 4 + 4 * dimensions
    expected_magic = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if len(content) < header or content[:4] != expected_magic:
        raise UserError(
            where,
            f"a file that starts with 0x{content[:4].hex()}",
            f"expected IDX, starting with 0x{expected_magic.hex()}",
        )
    shape = tuple(int(size) for size in np.frombuffer(content[4:header], dtype=">u4"))
    values = np.frombuffer(content[header:], dtype=np.uint8)
    size = 1
    for side in shape:
        size *= side
    if size != len(values):
        raise UserError(
            where, f"{len(values)} values under a header for {shape}", "delete it and fetch the dataset again"
        )
    return values.reshape(shape)

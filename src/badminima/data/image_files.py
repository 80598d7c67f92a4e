"""Splits of PNG or JPEG files, in folders or in a tar archive, decoded a chunk at a time by several threads.

A chunk of encoded and decoded images is all that is in memory, so a dataset may be larger than that.
"""

import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from badminima.data.archives import damage_named
from badminima.data.sources.base import CHUNK
from badminima.errors import UserError

CHANNELS = 3


@dataclass(frozen=True)
class Encoded:
    """An encoded image: where it is from, and how to get its bytes."""

    position: int
    where: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class FileSplit:
    """Image files in folders.

    Attributes:
        paths: a file for each image.
        labels: ``[n] int64``.
        side: height and width of the images, in pixels.
        resize: whether images of another size are resized and cropped to it, instead of refused.
    """

    paths: Sequence[str]
    labels: np.ndarray
    side: int
    resize: bool

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(3, side, side)``."""
        return CHANNELS, self.side, self.side

    def chunks(self, indices: np.ndarray, threads: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The images at ``indices``, in their order."""
        encoded = (
            Encoded(position, self.paths[index], Path(self.paths[index]).read_bytes)
            for position, index in enumerate(indices)
        )
        yield from decoded_chunks(encoded, self.side, self.resize, threads)


@dataclass(frozen=True)
class TarSplit:
    """Image files in a tar archive, read in the archive's order without unpacking it.

    Attributes:
        archive: the file, compressed or not.
        names: the member for each image.
        labels: ``[n] int64``.
        side: height and width of the images, in pixels; others are refused.
    """

    archive: Path
    names: Sequence[str]
    labels: np.ndarray
    side: int

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(3, side, side)``."""
        return CHANNELS, self.side, self.side

    def chunks(self, indices: np.ndarray, threads: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The images at ``indices``, in the archive's order."""
        positions = {self.names[index]: position for position, index in enumerate(indices)}
        yield from decoded_chunks(self._encoded(positions), self.side, False, threads)

    def _encoded(self, positions: dict[str, int]) -> Iterator[Encoded]:
        for name, content in members(self.archive):
            if name in positions:
                yield Encoded(positions[name], f"{self.archive}: {name}", partial(bytes, content))


def members(archive: Path, contents: bool = True) -> Iterator[tuple[str, bytes]]:
    """Name and content of each plain file in a tar archive, in its order; nothing is unpacked.

    Args:
        archive: the file, compressed or not.
        contents: whether to read them; without, each is empty.

    Raises:
        UserError: if the archive is damaged.
    """
    with damage_named(archive), tarfile.open(archive, "r|*") as stream:
        for member in stream:
            if member.isfile():
                handle = stream.extractfile(member) if contents else None
                yield member.name.removeprefix("./"), handle.read() if handle is not None else b""


def decoded_chunks(
    encoded: Iterator[Encoded], side: int, resize: bool, threads: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Decode images a chunk at a time.

    Args:
        encoded: the images.
        side, resize: see ``decode``.
        threads: decoding threads; PIL lets them run side by side.

    Yields:
        Positions ``[k]`` and images ``[k, 3, side, side] uint8``.
    """
    with ThreadPoolExecutor(threads) as pool:
        while chunk := list(islice(encoded, CHUNK)):
            images = list(pool.map(lambda image: decode(image.read(), image.where, side, resize), chunk))
            yield np.array([image.position for image in chunk]), np.stack(images)


def decode(content: bytes, where: str, side: int, resize: bool) -> np.ndarray:
    """Decode one image to RGB.

    Args:
        content: the file's bytes.
        where: its name, for messages.
        side: height and width wanted, in pixels.
        resize: resize the shorter side to ``side`` (bilinear with antialiasing, as torchvision does) and crop the
            centre; without, an image of another size is refused. A JPEG more than twice as large is decoded at a
            half, quarter or eighth of its size first, which is several times as fast.

    Returns:
        ``[3, side, side] uint8``.

    Raises:
        UserError: if the bytes are no image, or one of another size.
    """
    try:
        with Image.open(BytesIO(content), formats=("PNG", "JPEG")) as image:
            if resize:
                image.draft("RGB", (2 * side, 2 * side))
            elif image.size != (side, side):
                width, height = image.size
                raise UserError(where, f"an image of {width}x{height} pixels", f"expected {side}x{side}")
            pixels = image.convert("RGB")
    except UserError:
        raise
    except Exception as error:  # PIL's decoders raise what they like on bytes that are no image
        raise UserError(where, f"no image ({error})", "replace or delete this file") from None
    if resize:
        width, height = pixels.size
        scale = side / min(width, height)
        size = (max(side, round(width * scale)), max(side, round(height * scale)))
        left, top = (size[0] - side) // 2, (size[1] - side) // 2
        pixels = pixels.resize(size, Image.Resampling.BILINEAR).crop((left, top, left + side, top + side))
    return np.asarray(pixels).transpose(2, 0, 1)

"""Splits of PNG, JPEG or WebP files, in folders or in a tar archive, decoded a chunk at a time by several threads.

A chunk of encoded and decoded images is all that is in memory, so a dataset may be larger than that.
"""

from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from badminima.data.raw import members
from badminima.data.sources.base import CHUNK, Chunks
from badminima.errors import UserError

# Longer images are cropped before they are resized, so that a strip of pixels can't fill the memory.
LONGEST = 8
# Images with 16 bits a value have values 0..65,535, which these steps bring to 0..255.
STEP_OF_16_BITS = 257


@dataclass(frozen=True)
class Form:
    """The form that all images of a split are brought into.

    Attributes:
        side: height and width, in pixels.
        resize: whether images of another size are resized and cropped to it, instead of refused.
        grey: whether they have one channel, instead of red, green and blue.
        upright: whether they are turned as their camera says (EXIF), which torchvision does not do.
    """

    side: int
    resize: bool = False
    grey: bool = False
    upright: bool = False


@dataclass(frozen=True)
class ImageFiles:
    """A split of image files in a folder, or in a tar archive, which is read in its order without unpacking it.

    Attributes:
        where: the folder or the archive, compressed or not.
        names: of the file or the member of each image.
        labels: ``[n] int64``.
        form: what images become.
    """

    where: Path
    names: Sequence[str]
    labels: np.ndarray
    form: Form

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(c, side, side)``."""
        return 1 if self.form.grey else 3, self.form.side, self.form.side

    def chunks(self, indices: np.ndarray, threads: int, broken: list[UserError]) -> Chunks:
        """Yield the images at ``indices``, in their order or that of the archive.

        Args:
            indices: which images, ``[m] int64``.
            threads: decoding threads; PIL lets them run side by side.
            broken: takes what is wrong with each image that can't be read.

        Yields:
            Positions in ``indices`` ``[k]`` and images ``[k, c, side, side] uint8``.
        """
        positions = {self.names[index]: position for position, index in enumerate(indices)}
        encoded = self._encoded(positions)
        with ThreadPoolExecutor(threads) as pool:
            while chunk := list(islice(encoded, CHUNK)):
                results = list(zip(chunk, pool.map(self._decoded, chunk), strict=True))
                broken += [result for _, result in results if isinstance(result, UserError)]
                whole = {positions[name]: result for (name, _), result in results if isinstance(result, np.ndarray)}
                if whole:
                    yield np.array(list(whole)), np.stack(list(whole.values()))

    def _encoded(self, wanted: Container[str]) -> Iterator[tuple[str, bytes | None]]:
        """Yield the names of the wanted images, and their bytes where the archive gives them in passing."""
        if self.where.is_dir():
            yield from ((name, None) for name in self.names if name in wanted)
        else:
            yield from ((name, content) for name, content in members(self.where) if name in wanted)

    def _decoded(self, image: tuple[str, bytes | None]) -> np.ndarray | UserError:
        name, content = image
        try:
            if content is None:
                return decode((self.where / name).read_bytes(), str(self.where / name), self.form)
            return decode(content, f"{self.where}: {name}", self.form)
        except UserError as error:
            return error


def decode(content: bytes, where: str, form: Form) -> np.ndarray:
    """Decode one image.

    Resizing brings the shorter side to ``form.side`` (bilinear with antialiasing, as torchvision does) and crops the
    centre. A JPEG more than twice as large is decoded at a half, quarter or eighth of its size first, which is several
    times as fast.

    Args:
        content: the file's bytes.
        where: its name, for messages.
        form: what it becomes.

    Returns:
        ``[c, side, side] uint8``.

    Raises:
        UserError: if the bytes are no image, or one of another size.
    """
    side = form.side
    try:
        with Image.open(BytesIO(content), formats=("PNG", "JPEG", "WEBP")) as image:
            if form.resize:
                image.draft("RGB", (2 * side, 2 * side))
            elif image.size != (side, side):
                width, height = image.size
                raise UserError(where, f"an image of {width}x{height} pixels", f"expected {side}x{side}")
            turned = ImageOps.exif_transpose(image) if form.upright else image
            pixels = _of_8_bits(turned).convert("L" if form.grey else "RGB")
    except UserError:
        raise
    except Exception as error:  # PIL's decoders raise what they like on bytes that are no image
        found = "no image in PNG, JPEG or WebP" if isinstance(error, UnidentifiedImageError) else f"no image ({error})"
        raise UserError(where, found, "replace or delete this file") from None
    if form.resize:
        limit = LONGEST * min(pixels.size)
        pixels = _central(pixels, min(pixels.width, limit), min(pixels.height, limit))
        width, height = pixels.size
        scale = side / min(width, height)
        size = (max(side, round(width * scale)), max(side, round(height * scale)))
        pixels = _central(pixels.resize(size, Image.Resampling.BILINEAR), side, side)
    return np.atleast_3d(np.asarray(pixels)).transpose(2, 0, 1)


def _of_8_bits(image: Image.Image) -> Image.Image:
    """Scale grey of 16 bits, which PIL would cut off at 255."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray(np.rint(np.asarray(image) / STEP_OF_16_BITS).astype(np.uint8))


def _central(image: Image.Image, width: int, height: int) -> Image.Image:
    """Crop the centre of an image."""
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))

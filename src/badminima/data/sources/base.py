"""The interface of dataset sources to ``fetch_data`` and ``prepare_data``.

A source is a class with two methods:

- ``fetch(download_dir, local_dir, mirrors)`` makes the raw files available and verifies them. Downloads go to
  ``download_dir``; ``local_dir`` is None, or a folder that already holds the files, or an archive of them, and nothing
  is downloaded then; ``mirrors`` are addresses of folders that hold the published archives, tried before the official
  one. It returns the path of each file or folder by its role. It raises UserError if a file is missing, damaged or not
  the published one, or cannot be downloaded.
- ``read(files, **options)`` returns a :class:`RawDataset` of what was fetched, by role. The options are checked: the
  source's section in ``config/options.py`` holds their defaults. It raises UserError if a file cannot be read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from badminima.errors import UserError

# Positions and images.
Chunks = Iterator[tuple[np.ndarray, np.ndarray]]

# Images handled at once: bounds the memory of a preparation.
CHUNK = 512


class Split(Protocol):
    """Labelled images that need not fit into memory."""

    @property
    def labels(self) -> np.ndarray:
        """``[n] int64``, in ``0 .. classes - 1``."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(c, h, w)``, the same for all."""

    def chunks(self, indices: np.ndarray, threads: int, broken: list[UserError]) -> Chunks:
        """Yield the images at ``indices``, a chunk at a time, in whatever order is cheapest.

        Args:
            indices: which images, ``[m] int64``, ascending.
            threads: how many may decode images.
            broken: takes what is wrong with each image that can't be read.

        Yields:
            Positions in ``indices`` (``[k]``) and the images there (``[k, c, h, w] uint8``); each position once.
        """


@dataclass(frozen=True)
class ArraySplit:
    """A split in memory: images ``[n, c, h, w] uint8`` and labels ``[n] int64``."""

    images: np.ndarray
    labels: np.ndarray

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(c, h, w)``."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def chunks(self, indices: np.ndarray, threads: int, broken: list[UserError]) -> Chunks:
        """Yield the images at ``indices``."""
        for start in range(0, len(indices), CHUNK):
            chunk = indices[start : start + CHUNK]
            yield np.arange(start, start + len(chunk)), self.images[chunk]


@dataclass(frozen=True)
class RawDataset:
    """A dataset as its source publishes it; ``test`` is None where there is no official split."""

    train: Split
    test: Split | None
    classes: tuple[str, ...]

"""What every dataset source offers to ``fetch_data`` and ``prepare_data``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

Origin = Literal["embedded", "local", "download"]


@dataclass(frozen=True)
class Split:
    """Images and labels.

    Attributes:
        images: ``[n, c, h, w] uint8``.
        labels: ``[n] int64``, in ``0 .. classes - 1``.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Split":
        """The images and labels at ``indices``."""
        return Split(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class RawDataset:
    """A dataset as its source publishes it; ``test`` is None where there is no official split."""

    train: Split
    test: Split | None
    classes: tuple[str, ...]


class Source(Protocol):
    """A dataset source."""

    def fetch(self, download_dir: Path, local_dir: Path | None) -> tuple[Origin, dict[str, Path]]:
        """Make the raw files available and verify them.

        Args:
            download_dir: where downloads go.
            local_dir: a folder that already holds the files; nothing is downloaded then.

        Returns:
            How they were had, and the path of each by its role.

        Raises:
            UserError: if a file is missing, damaged or not the published one, or cannot be downloaded.
        """

    def read(self, files: dict[str, Path]) -> RawDataset:
        """Parse the raw files; raises UserError if one cannot be read."""

"""The 8x8 handwritten digits that ship with scikit-learn: the embedded dataset, no network needed."""

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from badminima.data.sources.base import ArraySplit, RawDataset

# Values are counts 0..16 of ink in a 4x4 cell; stored on the scale of ordinary 8-bit images.
TOP_VALUE = 16


class Digits:
    """UCI 'Optical Recognition of Handwritten Digits', test part: 1,797 images, 10 classes, no official split."""

    def fetch(self, download_dir: Path, local_dir: Path | None, mirrors: Sequence[str]) -> dict[str, Path]:
        """Return the file inside the installed package."""
        with as_file(files("sklearn.datasets.data") / "digits.csv.gz") as path:
            return {"digits": path}

    def read(self, raw: dict[str, Path]) -> RawDataset:
        """One pool of images ``[1797, 1, 8, 8]``; ``prepare_data`` splits it."""
        table = np.loadtxt(raw["digits"], delimiter=",")
        images = np.rint(table[:, :-1] * (255 / TOP_VALUE)).astype(np.uint8).reshape(-1, 1, 8, 8)
        return RawDataset(ArraySplit(images, table[:, -1].astype(np.int64)), None, tuple("0123456789"))

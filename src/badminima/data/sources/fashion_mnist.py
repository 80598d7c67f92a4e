"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 28x28 grey images of clothes, 60,000 for training, 10,000 for test."""

from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import numpy as np

from badminima.data.sources.base import Origin, RawDataset, Split
from badminima.data.sources.idx import parse_idx, read_bytes
from badminima.errors import UserError


class FashionMNIST:
    """Downloaded by torchvision, or taken from a folder of IDX files, gzip'd or not."""

    # SHA-256 of the uncompressed content: a copy is the published data whatever compressed it.
    digests: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    }
    classes = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

    def fetch(self, download_dir: Path, local_dir: Path | None) -> tuple[Origin, dict[str, Path]]:
        """Find or download the four files and verify their content."""
        folder = local_dir or self._download(download_dir)
        files = {name: _find(folder, name) for name in self.digests}
        for name, path in files.items():
            if not self._is_published(name, path):
                raise UserError(path, "content that is not Fashion-MNIST's", "expected the published file")
        return ("local" if local_dir else "download"), files

    def read(self, files: dict[str, Path]) -> RawDataset:
        """Images ``[n, 1, 28, 28]``."""
        return RawDataset(_split(files, "train"), _split(files, "t10k"), self.classes)

    def _download(self, download_dir: Path) -> Path:
        """Download with torchvision, which checks the MD5 of each archive and keeps what is already there."""
        from torchvision.datasets import FashionMNIST as Torchvision

        folder = download_dir / "FashionMNIST" / "raw"
        for name in self.digests:
            # torchvision trusts any file of that name: one that a killed download left behind must go first.
            if (folder / name).is_file() and not self._is_published(name, folder / name):
                (folder / name).unlink()
        try:
            Torchvision(str(download_dir), download=True)
        except (OSError, RuntimeError, ValueError, EOFError) as error:
            raise UserError(
                "fashion_mnist",
                f"no download ({' '.join(str(error).split())})",
                "check the network and run again, or name a folder with its IDX files in data.local_dirs.fashion_mnist",
            ) from None
        return folder

    def _is_published(self, name: str, path: Path) -> bool:
        return sha256(read_bytes(path)).hexdigest() == self.digests[name]


def _find(folder: Path, name: str) -> Path:
    """The file called ``name`` in ``folder``, plain or gzip'd."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise UserError(folder, f"no {name} or {name}.gz", "expected the four IDX files of Fashion-MNIST")


def _split(files: dict[str, Path], part: str) -> Split:
    images = files[f"{part}-images-idx3-ubyte"]
    labels = files[f"{part}-labels-idx1-ubyte"]
    return Split(
        parse_idx(read_bytes(images), 3, images)[:, np.newaxis],
        parse_idx(read_bytes(labels), 1, labels).astype(np.int64),
    )

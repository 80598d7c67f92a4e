"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 28x28 grey images of clothes, 60,000 for training, 10,000 for test."""

import gzip
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import numpy as np
from torchvision.datasets import FashionMNIST as Torchvision

from badminima.data.download import Published, download
from badminima.data.raw import damage_named
from badminima.data.sources.base import ArraySplit, RawDataset
from badminima.errors import UserError


class FashionMNIST:
    """Downloaded from where torchvision says, or taken from a folder of IDX files, gzip'd or not."""

    # SHA-256 of the uncompressed content: a copy is the published data whatever compressed it.
    digests: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    }
    classes: ClassVar[tuple[str, ...]] = tuple(Torchvision.classes)

    archives: ClassVar[tuple[Published, ...]] = tuple(
        Published(name, tuple(mirror + name for mirror in Torchvision.mirrors), f"md5:{md5}")
        for name, md5 in Torchvision.resources
    )

    def fetch(self, download_dir: Path, local_dir: Path | None, mirrors: Sequence[str]) -> dict[str, Path]:
        """Find or download the four files and verify their content."""
        if local_dir is None:
            folder = download_dir / "fashion_mnist"
            return {
                archive.name.removesuffix(".gz"): download(archive, folder, mirrors, "fashion_mnist")
                for archive in self.archives
            }
        files = {}
        for name, digest in self.digests.items():
            files[name] = local_dir / name if (local_dir / name).is_file() else local_dir / f"{name}.gz"
            if not files[name].is_file():
                remedy = "expected a folder of the four IDX files of Fashion-MNIST"
                raise UserError(local_dir, f"no {name} or {name}.gz", remedy)
            if sha256(_content(files[name])).hexdigest() != digest:
                raise UserError(files[name], "content that is not Fashion-MNIST's", "expected the published file")
        return files

    def read(self, files: dict[str, Path]) -> RawDataset:
        """Images ``[n, 1, 28, 28]``."""
        return RawDataset(_split(files, "train"), _split(files, "t10k"), self.classes)


def _content(path: Path) -> bytes:
    with damage_named(path, "file"):
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def _split(files: dict[str, Path], part: str) -> ArraySplit:
    """Read a part; in the IDX format, bytes come after a head of 4 bytes and 4 for each axis."""
    images = np.frombuffer(_content(files[f"{part}-images-idx3-ubyte"]), np.uint8, offset=16)
    labels = np.frombuffer(_content(files[f"{part}-labels-idx1-ubyte"]), np.uint8, offset=8)
    return ArraySplit(images.reshape(-1, 1, 28, 28), labels.astype(np.int64))

"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): 32x32 colour images, 50,000 for training, 10,000 for test."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from filelock import FileLock
from torchvision.datasets import CIFAR10, CIFAR100
from torchvision.datasets.utils import check_integrity

from badminima.data.archives import unpack
from badminima.data.download import SHARED, Published, download
from badminima.data.sources.base import ArraySplit, Origin, RawDataset
from badminima.data.sources.mishaps import found_below
from badminima.errors import UserError

# Archives and folders of the published versions that are not read.
OTHER_VERSIONS = ("-binary.tar.gz", "-matlab.tar.gz", "-batches-bin", "-batches-mat", "-100-binary", "-100-matlab")


class Cifar10:
    """Read by torchvision, which knows the MD5 of every file in the archive."""

    name: ClassVar[str] = "cifar10"
    torchvision: ClassVar[Any] = CIFAR10
    archive: ClassVar[Published] = Published(
        CIFAR10.filename,
        (CIFAR10.url,),
        "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    )

    def fetch(
        self, download_dir: Path, local_dir: Path | None, mirrors: Sequence[str]
    ) -> tuple[Origin, dict[str, Path]]:
        """Return the archive, downloaded or from the local folder, unpacked; or a local folder of what is in it."""
        folder: str = self.torchvision.base_folder
        for unpacked in () if local_dir is None else (local_dir / folder, local_dir):
            if unpacked.is_dir() and unpacked.name == folder:
                return "local", self._verified(unpacked)
        download_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(download_dir / f".{folder}.lock", mode=SHARED):
            return "local" if local_dir else "download", self._unpacked(download_dir, local_dir, mirrors)

    def _unpacked(self, download_dir: Path, local_dir: Path | None, mirrors: Sequence[str]) -> dict[str, Path]:
        """Return the files in the download folder, unpacked there unless they are already."""
        folder: str = self.torchvision.base_folder
        if (download_dir / folder).is_dir() and not self._unfit(download_dir / folder):
            return self._files(download_dir / folder)
        if local_dir is not None:
            archive = local_dir if local_dir.is_file() else local_dir / self.archive.name
            if not archive.is_file():
                raise UserError(local_dir, f"neither {archive.name} nor {folder}", self._remedy(local_dir))
            if not self.archive.matches(archive):
                raise UserError(archive, "another content than the published one", "expected the published archive")
        else:
            archive = download(self.archive, download_dir, mirrors, self.name)
        return self._verified(unpack(archive, folder, download_dir))

    def read(self, files: dict[str, Path]) -> RawDataset:
        """Images ``[n, 3, 32, 32]``."""
        root = next(iter(files.values())).parent.parent
        try:
            parts = [self.torchvision(root, train=train) for train in (True, False)]
        except (RuntimeError, OSError) as error:
            raise UserError(root, f"no {self.name} ({error})", "fetch the dataset again") from None
        train, test = (
            # torchvision turns the stored [n, c, h, w] into images of PIL's layout; turn them back.
            ArraySplit(part.data.transpose(0, 3, 1, 2), np.array(part.targets, dtype=np.int64))
            for part in parts
        )
        return RawDataset(train, test, tuple(parts[0].classes))

    def _remedy(self, local_dir: Path) -> str:
        """Say what to do about a folder that has neither the archive nor what is in it."""
        folder: str = self.torchvision.base_folder
        for name in (folder, self.archive.name):
            if below := found_below(local_dir, (name,)):
                return f"name {below}, which has {name}"
        if any(name.endswith(OTHER_VERSIONS) for name in os.listdir(local_dir)):
            return "expected the version for Python, not that for C or Matlab"
        if (local_dir / "train").is_dir():
            return "expected one of them; for images in folders use the source image_folder"
        return "expected one of them"

    def _entries(self) -> dict[str, str]:
        """MD5 of each file by its name."""
        dataset = self.torchvision
        return dict([*dataset.train_list, *dataset.test_list, (dataset.meta["filename"], dataset.meta["md5"])])

    def _files(self, folder: Path) -> dict[str, Path]:
        return {name: folder / name for name in self._entries()}

    def _unfit(self, folder: Path) -> Path | None:
        """Return the first file that is missing or not the published one."""
        files = self._files(folder)
        return next(
            (files[name] for name, md5 in self._entries().items() if not check_integrity(files[name], md5)), None
        )

    def _verified(self, folder: Path) -> dict[str, Path]:
        unfit = self._unfit(folder)
        if unfit is not None:
            found = "another content than the published one" if unfit.is_file() else "no such file"
            raise UserError(unfit, found, f"expected what {self.archive.name} holds")
        return self._files(folder)


class Cifar100(Cifar10):
    """CIFAR-100: as CIFAR-10, with 100 (fine) classes."""

    name = "cifar100"
    torchvision = CIFAR100
    archive = Published(
        CIFAR100.filename,
        (CIFAR100.url,),
        "sha256:85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    )

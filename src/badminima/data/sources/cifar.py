"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): 32x32 colour images, 50,000 for training, 10,000 for test."""

import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from filelock import FileLock
from torchvision.datasets import CIFAR10, CIFAR100
from torchvision.datasets.utils import check_integrity

from badminima.data.download import SHARED, Published, download
from badminima.data.sources.base import ArraySplit, RawDataset
from badminima.errors import UserError


class Cifar10:
    """Read by torchvision, which knows the MD5 of every file in the archive."""

    name: ClassVar[str] = "cifar10"
    torchvision: ClassVar[Any] = CIFAR10
    archive: ClassVar[Published] = Published(
        CIFAR10.filename,
        (CIFAR10.url,),
        "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    )

    def fetch(self, download_dir: Path, local_dir: Path | None, mirrors: Sequence[str]) -> dict[str, Path]:
        """Return the archive, downloaded or from the local folder, unpacked; or a local folder of what is in it."""
        folder: str = self.torchvision.base_folder
        if local_dir is not None:
            unpacked = local_dir if local_dir.name == folder else local_dir / folder
            if unpacked.is_dir():
                if unfit := self._unfit(unpacked):
                    raise UserError(unfit, "no published file", f"expected what {self.archive.name} holds")
                return self._files(unpacked)
        download_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(download_dir / f".{folder}.lock", mode=SHARED):
            if self._unfit(download_dir / folder):
                self._unpack(self._packed(download_dir, local_dir, mirrors), download_dir)
        return self._files(download_dir / folder)

    def read(self, files: dict[str, Path]) -> RawDataset:
        """Images ``[n, 3, 32, 32]``."""
        root = next(iter(files.values())).parent.parent
        parts = [self.torchvision(root, train=train) for train in (True, False)]
        train, test = (
            # torchvision turns the stored [n, c, h, w] into images of PIL's layout; turn them back.
            ArraySplit(part.data.transpose(0, 3, 1, 2), np.array(part.targets, dtype=np.int64))
            for part in parts
        )
        return RawDataset(train, test, tuple(parts[0].classes))

    def _packed(self, download_dir: Path, local_dir: Path | None, mirrors: Sequence[str]) -> Path:
        """Return the published archive."""
        if local_dir is None:
            return download(self.archive, download_dir, mirrors, self.name)
        if archive := self.archive.inside(local_dir):
            return archive
        found = f"neither {self.archive.name} nor {self.torchvision.base_folder}"
        raise UserError(local_dir, found, f"expected {self.name} for Python; for images in folders use image_folder")

    def _unpack(self, archive: Path, target: Path) -> None:
        """Unpack the archive in a folder, whole or not at all."""
        folder: str = self.torchvision.base_folder
        with TemporaryDirectory(prefix=f".{folder}.", dir=target) as temporary, tarfile.open(archive) as content:
            content.extractall(temporary, filter="data")
            shutil.rmtree(target / folder, ignore_errors=True)
            (Path(temporary) / folder).rename(target / folder)

    def _digests(self) -> dict[str, str]:
        """MD5 of each file by its name."""
        dataset = self.torchvision
        return dict([*dataset.train_list, *dataset.test_list, (dataset.meta["filename"], dataset.meta["md5"])])

    def _files(self, folder: Path) -> dict[str, Path]:
        return {name: folder / name for name in self._digests()}

    def _unfit(self, folder: Path) -> Path | None:
        """Return the first file that is missing or not the published one."""
        digests = self._digests()
        return next((folder / name for name, md5 in digests.items() if not check_integrity(folder / name, md5)), None)


class Cifar100(Cifar10):
    """CIFAR-100: as CIFAR-10, with 100 (fine) classes."""

    name = "cifar100"
    torchvision = CIFAR100
    archive = Published(
        CIFAR100.filename,
        (CIFAR100.url,),
        "sha256:85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    )

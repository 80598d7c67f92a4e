"""CINIC-10 (Darlow et al. 2018): 32x32 colour images of CIFAR-10's classes, from CIFAR-10 and from ImageNet."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np

from badminima.data.download import Published, download
from badminima.data.images import Form, ImageFiles
from badminima.data.raw import list_images, members
from badminima.data.sources.base import RawDataset, Split
from badminima.errors import UserError

PARTS = ("train", "valid", "test")
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = 32


class Cinic10:
    """Three parts of 90,000 PNG files. The archive is read as it is: unpacking would leave 270,000 small files.

    ``train`` trains and ``test`` tests; the option ``train_parts`` can add ``valid``, which is otherwise unused.
    """

    archive: ClassVar[Published] = Published(
        "CINIC-10.tar.gz",
        (
            "https://datashare.ed.ac.uk/bitstream/handle/10283/3192/CINIC-10.tar.gz",
            "https://datashare.is.ed.ac.uk/bitstream/handle/10283/3192/CINIC-10.tar.gz",
        ),
        "md5:6ee4d0c996905fe93221de577967a372",
    )

    def fetch(self, download_dir: Path, local_dir: Path | None, mirrors: Sequence[str]) -> dict[str, Path]:
        """Return the archive, or a local folder that holds it or the folders train, valid and test."""
        if local_dir is None:
            return {"archive": download(self.archive, download_dir, mirrors, "cinic10")}
        if archive := self.archive.inside(local_dir):
            return {"archive": archive}
        folders = {f"{part}/{name}": local_dir / part / name for part in PARTS for name in CLASSES}
        for folder in folders.values():
            if not folder.is_dir():
                raise UserError(folder, "no such folder", f"expected {self.archive.name}, or its folders unpacked")
        return folders

    def read(self, files: dict[str, Path], train_parts: Sequence[str]) -> RawDataset:
        """Images ``[n, 3, 32, 32]``, in the order of part, class and file name.

        Args:
            files: the archive or its folders.
            train_parts: which of ``train`` and ``valid`` are the training images.
        """
        names: dict[str, list[str]] = {f"{part}/{name}": [] for part in PARTS for name in CLASSES}
        if "archive" in files:
            # It has its folders at the top or in one folder.
            for member, _ in members(files["archive"], contents=False):
                folder = "/".join(PurePosixPath(member).parts[-3:-1])
                if member.endswith(".png") and folder in names:
                    names[folder].append(member)
        else:
            for role, path in files.items():
                names[role] = [str(path.absolute() / image) for image in list_images(path, (".png",)).images]
                if not names[role]:
                    raise UserError(path, "no PNG files", "expected CINIC-10's images")
        train, test = (_split(files, names, parts) for parts in (train_parts, ["test"]))
        return RawDataset(train, test, CLASSES)


def _split(files: dict[str, Path], names: dict[str, list[str]], parts: Sequence[str]) -> Split:
    folders = [(label, sorted(names[f"{part}/{name}"])) for part in parts for label, name in enumerate(CLASSES)]
    labels = np.repeat([label for label, _ in folders], [len(found) for _, found in folders])
    paths = [file for _, found in folders for file in found]
    return ImageFiles(files.get("archive", Path("/")), paths, labels, Form(SIDE))

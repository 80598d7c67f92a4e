"""CINIC-10 (Darlow et al. 2018): 32x32 colour images of CIFAR-10's classes, from CIFAR-10 and from ImageNet."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np

from badminima.data.archives import members
from badminima.data.download import Published, download
from badminima.data.image_files import FileSplit, Form, TarSplit
from badminima.data.image_lists import list_images
from badminima.data.sources.base import Origin, RawDataset, Split
from badminima.data.sources.mishaps import found_below
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

    def fetch(
        self, download_dir: Path, local_dir: Path | None, mirrors: Sequence[str]
    ) -> tuple[Origin, dict[str, Path]]:
        """Return the archive, or a local folder that holds it or the folders train, valid and test."""
        if local_dir is None:
            return "download", {"archive": download(self.archive, download_dir, mirrors, "cinic10")}
        archive = local_dir if local_dir.is_file() else local_dir / self.archive.name
        if archive.is_file():
            if not self.archive.matches(archive):
                raise UserError(archive, "another content than the published one", "expected the published archive")
            return "local", {"archive": archive}
        folders = {f"{part}/{name}": local_dir / part / name for part in PARTS for name in CLASSES}
        for folder in folders.values():
            if not folder.is_dir():
                below = found_below(local_dir, PARTS)
                remedy = f"name {below}" if below else f"expected {archive.name}, or its folders unpacked"
                raise UserError(folder, "no such folder", remedy)
        return "local", folders

    def read(self, files: dict[str, Path], train_parts: Sequence[str]) -> RawDataset:
        """Images ``[n, 3, 32, 32]``, in the order of part, class and file name.

        Args:
            files: the archive or its folders.
            train_parts: which of ``train`` and ``valid`` are the training images.
        """
        names = _archive_names(files["archive"]) if "archive" in files else _folder_names(files)
        train, test = (
            self._split(files, [(part, name, file) for part in parts for name in CLASSES for file in names[part, name]])
            for parts in (train_parts, ["test"])
        )
        return RawDataset(train, test, CLASSES)

    def _split(self, files: dict[str, Path], images: list[tuple[str, str, str]]) -> Split:
        labels = np.array([CLASSES.index(name) for _, name, _ in images], dtype=np.int64)
        paths = [file for _, _, file in images]
        if "archive" in files:
            return TarSplit(files["archive"], paths, labels, Form(SIDE))
        return FileSplit(paths, labels, Form(SIDE))


def _archive_names(archive: Path) -> dict[tuple[str, str], list[str]]:
    """Members by part and class, sorted; the archive has its folders at the top or in one folder."""
    names: dict[tuple[str, str], list[str]] = {(part, name): [] for part in PARTS for name in CLASSES}
    for member, _ in members(archive, contents=False):
        parts = PurePosixPath(member).parts
        if parts[-1].endswith(".png") and parts[-3:-1] in names:
            names[parts[-3], parts[-2]].append(member)
    return _complete({key: sorted(found) for key, found in names.items()}, archive)


def _folder_names(files: dict[str, Path]) -> dict[tuple[str, str], list[str]]:
    """Files by part and class, sorted."""
    names = {}
    for role, folder in files.items():
        part, name = role.split("/")
        names[part, name] = [str(folder / image) for image in list_images(folder, (".png",)).images]
    return _complete(names, next(iter(files.values())).parent.parent)


def _complete(names: dict[tuple[str, str], list[str]], where: Path) -> dict[tuple[str, str], list[str]]:
    for (part, name), found in names.items():
        if not found:
            raise UserError(where, f"no PNG files in {part}/{name}", "expected CINIC-10's folders")
    return names

"""Restricted ImageNet: 9 super-classes of ImageNet, made from the user's own copy (it may not be redistributed)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from badminima.data.image_files import FileSplit, Form
from badminima.data.sources.base import Origin, RawDataset, Split
from badminima.errors import UserError
from badminima.storage.files import list_files


@dataclass(frozen=True)
class SuperClass:
    """A range of ImageNet classes, ordered by WordNet id as everywhere; both ends belong to it.

    Attributes:
        name: its name.
        first_index, last_index: positions among the 1,000 classes, counted from 0.
        first, last: WordNet ids of these classes: the names of their folders.
    """

    name: str
    first_index: int
    last_index: int
    first: str
    last: str

    @property
    def size(self) -> int:
        """How many ImageNet classes it holds."""
        return self.last_index - self.first_index + 1


# The ranges of Tsipras et al., "Robustness May Be at Odds with Accuracy" (ICLR 2019, appendix A), with the bounds of
# their published library (`robustness`, tools/constants.py): 203 of the 1,000 classes.
SUPER_CLASSES = (
    SuperClass("dog", 151, 268, "n02085620", "n02113978"),
    SuperClass("cat", 281, 285, "n02123045", "n02124075"),
    SuperClass("frog", 30, 32, "n01641577", "n01644900"),
    SuperClass("turtle", 33, 37, "n01664065", "n01669191"),
    SuperClass("bird", 80, 100, "n01795545", "n01860187"),
    SuperClass("primate", 365, 382, "n02480495", "n02494079"),
    SuperClass("fish", 389, 397, "n02514041", "n02655020"),
    SuperClass("crab", 118, 121, "n01978287", "n01981276"),
    SuperClass("insect", 300, 319, "n02165105", "n02268443"),
)
# Folders of torchvision's ImageNet: the official test labels are secret, so the validation images test.
PARTS = {"train": "train", "test": "val"}
ENDINGS = (".jpeg", ".jpg", ".png")


class RestrictedImageNet:
    """Images of the classes above, resized to ``side`` x ``side`` pixels: shorter side resized, centre cropped."""

    def fetch(
        self, download_dir: Path, local_dir: Path | None, mirrors: Sequence[str]
    ) -> tuple[Origin, dict[str, Path]]:
        """The class folders of an ImageNet tree: ``train/n*/`` and ``val/n*/``, as torchvision lays them out."""
        if local_dir is None:
            raise UserError(
                "restricted_imagenet",
                "no folder to make it from",
                "ImageNet can't be downloaded freely: name your copy (with train/ and val/ in it) in "
                "data.local_dirs.restricted_imagenet",
            )
        return "local", {
            f"{part}/{name}/{folder.name}": folder
            for part, subfolder in PARTS.items()
            for name, folders in _class_folders(local_dir / subfolder).items()
            for folder in folders
        }

    def read(self, files: dict[str, Path], side: int) -> RawDataset:
        """Images ``[n, 3, side, side]``, in the order of super-class, WordNet id and file name.

        Args:
            files: the class folders.
            side: height and width, in pixels.
        """
        train, test = (_split(files, part, side) for part in PARTS)
        return RawDataset(train, test, tuple(super_class.name for super_class in SUPER_CLASSES))


def _class_folders(folder: Path) -> dict[str, list[Path]]:
    """The class folders of each super-class, sorted; raises UserError unless all are there."""
    if not folder.is_dir():
        raise UserError(folder, "no such folder", "expected torchvision's ImageNet layout: train/n*/ and val/n*/")
    found = sorted(path for path in folder.iterdir() if path.is_dir())
    classes = {}
    for super_class in SUPER_CLASSES:
        # A WordNet id has eight digits, so names sort as numbers do.
        inside = [path for path in found if super_class.first <= path.name <= super_class.last]
        if len(inside) != super_class.size:
            raise UserError(
                folder,
                f"{len(inside)} class folders between {super_class.first} and {super_class.last}",
                f"expected the {super_class.size} of {super_class.name}",
            )
        classes[super_class.name] = inside
    return classes


def _split(files: dict[str, Path], part: str, side: int) -> Split:
    names = [super_class.name for super_class in SUPER_CLASSES]
    paths: list[str] = []
    labels: list[np.ndarray] = []
    for role, folder in files.items():
        role_part, name, _ = role.split("/")
        if role_part == part:
            found = [str(path) for path in list_files(folder, ENDINGS)]
            if not found:
                raise UserError(folder, "no images", "expected JPEG files")
            paths += found
            labels.append(np.full(len(found), names.index(name), dtype=np.int64))
    return FileSplit(paths, np.concatenate(labels), Form(side, resize=True))

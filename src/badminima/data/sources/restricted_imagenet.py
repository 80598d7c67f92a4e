"""Restricted ImageNet: 9 super-classes of ImageNet, made from the user's own copy (it may not be redistributed)."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from badminima.data.images import Form, ImageFiles
from badminima.data.raw import list_images, told
from badminima.data.sources.base import RawDataset, Split
from badminima.errors import UserError

# The first and the last class of each super-class, by WordNet id, and how many classes there are from one to the other:
# ranges of the 1,000 classes in the order of their ids (Tsipras et al., "Robustness May Be at Odds with Accuracy", ICLR
# 2019, appendix A), with the bounds of their published library (`robustness`, tools/constants.py).
SUPER_CLASSES = {
    "dog": ("n02085620", "n02113978", 118),
    "cat": ("n02123045", "n02124075", 5),
    "frog": ("n01641577", "n01644900", 3),
    "turtle": ("n01664065", "n01669191", 5),
    "bird": ("n01795545", "n01860187", 21),
    "primate": ("n02480495", "n02494079", 18),
    "fish": ("n02514041", "n02655020", 9),
    "crab": ("n01978287", "n01981276", 4),
    "insect": ("n02165105", "n02268443", 20),
}
# Folders of torchvision's ImageNet, and the images of these classes in it. The official test labels are secret, so the
# validation images test.
PARTS = {"train": ("train", 257_748), "test": ("val", 10_150)}
ENDINGS = (".jpeg", ".jpg", ".png")
LAYOUT = "expected torchvision's ImageNet layout, unpacked: train/n*/ and val/n*/"


class RestrictedImageNet:
    """Images of the super-classes, resized to ``side`` x ``side``: shorter side resized, centre cropped."""

    def fetch(self, download_dir: Path, local_dir: Path | None, mirrors: Sequence[str]) -> dict[str, Path]:
        """Return the class folders of an ImageNet tree: ``train/n*/`` and ``val/n*/``, as torchvision lays them out."""
        if local_dir is None:
            remedy = "ImageNet can't be downloaded freely: name your copy in data.local_dirs.restricted_imagenet"
            raise UserError("restricted_imagenet", "no folder to make it from", remedy)
        folders: dict[str, Path] = {}
        for part, (subfolder, _) in PARTS.items():
            there = sorted(path for path in (local_dir / subfolder).glob("n*") if path.is_dir())
            for name, (first, last, classes) in SUPER_CLASSES.items():
                found = [path for path in there if first <= path.name <= last]
                if len(found) != classes:
                    few = f"{len(found)} folders from {first} to {last}, instead of {classes} classes"
                    raise UserError(local_dir / subfolder, few, LAYOUT)
                folders |= {f"{part}/{name}/{path.name}": path for path in found}
        counts = {role: len(list_images(folder, ENDINGS).images) for role, folder in folders.items()}
        if empty := [str(folders[role].relative_to(local_dir)) for role, count in counts.items() if not count]:
            raise UserError(local_dir, told("class folders without images", empty), "expected JPEG files")
        for part, (subfolder, published) in PARTS.items():
            count = sum(images for role, images in counts.items() if role.startswith(f"{part}/"))
            if count != published:
                there_are = f"{count:,} images of 203 classes; ImageNet has {published:,}"
                print(f"{local_dir / subfolder}: {there_are}", file=sys.stderr)
        return folders

    def read(self, files: dict[str, Path], side: int) -> RawDataset:
        """Return images ``[n, 3, side, side]``, in the order of super-class, WordNet id and file name.

        Args:
            files: the class folders.
            side: height and width, in pixels.
        """
        train, test = (_split(files, part, side) for part in PARTS)
        return RawDataset(train, test, tuple(SUPER_CLASSES))


def _split(files: dict[str, Path], part: str, side: int) -> Split:
    images: list[tuple[str, int]] = []
    for role, folder in files.items():
        role_part, name, _ = role.split("/")
        if role_part == part:
            label = list(SUPER_CLASSES).index(name)
            images += [(str(folder.absolute() / image), label) for image in list_images(folder, ENDINGS).images]
    paths, labels = zip(*images, strict=True)
    return ImageFiles(Path("/"), paths, np.array(labels, dtype=np.int64), Form(side, resize=True))

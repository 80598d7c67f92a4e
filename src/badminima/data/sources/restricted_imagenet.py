"""Restricted ImageNet: 9 super-classes of ImageNet, made from the user's own copy (it may not be redistributed)."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from badminima.data.image_files import FileSplit, Form
from badminima.data.image_lists import is_hidden, list_images, refuse_unfit, some, told
from badminima.data.sources.base import Origin, RawDataset, Split
from badminima.data.sources.mishaps import found_below
from badminima.data.sources.wordnet import SUPER_CLASSES
from badminima.errors import UserError

# Folders of torchvision's ImageNet: the official test labels are secret, so the validation images test.
PARTS = {"train": "train", "test": "val"}
# Images of ImageNet in these classes.
PUBLISHED = {"train": 257_748, "test": 10_150}
ENDINGS = (".jpeg", ".jpg", ".png")
LAYOUT = "expected torchvision's ImageNet layout: train/n*/ and val/n*/"
SORT = "sort them into a folder for each class, as torchvision.datasets.ImageNet does from the published archives"


class RestrictedImageNet:
    """Images of the classes in ``wordnet``, resized to ``side`` x ``side``: shorter side resized, centre cropped."""

    def fetch(
        self, download_dir: Path, local_dir: Path | None, mirrors: Sequence[str]
    ) -> tuple[Origin, dict[str, Path]]:
        """Return the class folders of an ImageNet tree: ``train/n*/`` and ``val/n*/``, as torchvision lays them out."""
        if local_dir is None:
            raise UserError(
                "restricted_imagenet",
                "no folder to make it from",
                "ImageNet can't be downloaded freely: name your copy (with train/ and val/ in it) in "
                "data.local_dirs.restricted_imagenet",
            )
        if not local_dir.is_dir():
            raise UserError(local_dir, "a file", f"unpack it; {LAYOUT}")
        folders = {
            f"{part}/{name}/{folder.name}": folder
            for part, subfolder in PARTS.items()
            for name, found in _class_folders(local_dir, subfolder).items()
            for folder in found
        }
        _check_images(folders, local_dir)
        return "local", folders

    def read(self, files: dict[str, Path], side: int) -> RawDataset:
        """Return images ``[n, 3, side, side]``, in the order of super-class, WordNet id and file name.

        Args:
            files: the class folders.
            side: height and width, in pixels.
        """
        train, test = (_split(files, part, side) for part in PARTS)
        return RawDataset(train, test, tuple(SUPER_CLASSES))


def _class_folders(tree: Path, part: str) -> dict[str, list[Path]]:
    """Return the class folders of each super-class; raise UserError unless exactly all are there."""
    folder = tree / part
    if not folder.is_dir():
        raise _no_part(tree, part)
    there = {path.name: path for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name)}
    if not there:
        raise _no_classes(folder)
    missing = [name for ids in SUPER_CLASSES.values() for name in ids if name not in there]
    unknown = [
        name for name in sorted(there) for ids in SUPER_CLASSES.values() if ids[0] < name < ids[-1] and name not in ids
    ]
    if unknown:
        raise UserError(folder, told("folders that are no class of ImageNet", unknown), LAYOUT)
    if missing:
        raise UserError(folder, told("no folders of classes", missing), LAYOUT)
    return {name: [there[id_] for id_ in ids] for name, ids in SUPER_CLASSES.items()}


def _no_part(tree: Path, part: str) -> UserError:
    """Say why there is no ``train`` or ``val``."""
    archives = sorted(path.name for path in tree.glob("ILSVRC*.tar*"))
    if archives:
        return UserError(tree, f"no {part}/ beside {some(archives)}", f"unpack them; {LAYOUT}")
    below = found_below(tree, ("train", "val"))
    return UserError(tree / part, "no such folder", f"name {below}, which has train/ and val/" if below else LAYOUT)


def _no_classes(folder: Path) -> UserError:
    """Say what lies in a part instead of class folders."""
    archives = sorted(path.name for path in folder.glob("n*.tar"))
    if archives:
        return UserError(folder, told("archives", archives), "unpack each into a folder of its name")
    images = list_images(folder, ENDINGS).images
    if images:
        return UserError(folder, f"{len(images):,} images and no class folders", SORT)
    return UserError(folder, "no class folders", LAYOUT)


def _check_images(folders: dict[str, Path], tree: Path) -> None:
    """Refuse images that are no files and classes without any; tell of fewer images than ImageNet has."""
    listings = {role: list_images(folder, ENDINGS) for role, folder in folders.items()}
    refuse_unfit(tree, {folders[role]: listing for role, listing in listings.items()})
    empty = [str(folders[role].relative_to(tree)) for role, listing in listings.items() if not listing.images]
    if empty:
        raise UserError(tree, told("class folders without images", empty), "expected JPEG files")
    for part, folder in PARTS.items():
        count = sum(len(listing.images) for role, listing in listings.items() if role.startswith(f"{part}/"))
        if count != PUBLISHED[part]:
            each = ", 50 of each" if part == "test" else ""
            published = f"ImageNet has {PUBLISHED[part]:,}{each}"
            print(f"{tree / folder}: {count:,} images of 203 classes; {published}", file=sys.stderr)


def _split(files: dict[str, Path], part: str, side: int) -> Split:
    names = list(SUPER_CLASSES)
    paths: list[str] = []
    labels: list[np.ndarray] = []
    for role, folder in files.items():
        role_part, name, _ = role.split("/")
        if role_part == part:
            found = [str(folder / image) for image in list_images(folder, ENDINGS).images]
            paths += found
            labels.append(np.full(len(found), names.index(name), dtype=np.int64))
    return FileSplit(paths, np.concatenate(labels), Form(side, resize=True))

"""Any images in class folders, as torchvision's ImageFolder has them, in a folder or a tar archive."""

import sys
from collections import defaultdict
from collections.abc import Sequence
from os.path import commonpath
from pathlib import Path, PurePosixPath

import numpy as np

from badminima.data.images import Form, ImageFiles
from badminima.data.raw import list_images, some, told
from badminima.data.sources.base import RawDataset, Split
from badminima.errors import UserError

TRAIN = "train"
# The first of them that is there holds the test images.
TESTS = ("test", "val")
LAYOUT = "expected train/ and optionally test/ or val/ with a folder of images for each class, or class folders alone"


class ImageFolder:
    """``train/{class}/*`` with ``test/`` or ``val/`` or neither, or ``{class}/*``; all may lie in one folder more.

    Without test images ``prepare_data`` cuts the splits. Beside ``test/`` a ``val/`` is not used.
    """

    def fetch(self, download_dir: Path, local_dir: Path | None, mirrors: Sequence[str]) -> dict[str, Path]:
        """Return the folder or archive, once its images are known to be laid out so."""
        if local_dir is None:
            raise UserError("image_folder", "no folder of images", "name it in the dataset's path")
        listing = list_images(local_dir)
        parts = _arranged(listing.images, local_dir)
        if listing.empty:
            raise UserError(local_dir, told("folders without images", listing.empty), "add images or delete them")
        if listing.others:
            others = told("files that are no PNG, JPEG or WebP", listing.others)
            print(f"{local_dir}: left out {others}", file=sys.stderr)
        left = len(listing.images)
        for part, classes in parts.items():
            sizes = [len(images) for images in classes.values()]
            left -= sum(sizes)
            counts = f"{sum(sizes):,} images of {len(sizes):,} classes, {min(sizes):,} to {max(sizes):,} of each"
            print(f"{local_dir}: {part} has {counts}", file=sys.stderr)
        if left:
            print(f"{local_dir}: left out {left:,} images in other folders", file=sys.stderr)
        return {"images": local_dir}

    def read(self, files: dict[str, Path], side: int, resize: bool, grey: bool) -> RawDataset:
        """Return images ``[n, c, side, side]``, in the order of class and file name.

        Args:
            files: the folder or archive.
            side: height and width, in pixels.
            resize: whether images of another size are resized and cropped to it, instead of refused.
            grey: whether images have one channel.
        """
        where, form = files["images"], Form(side, resize, grey, upright=True)
        parts = _arranged(list_images(where).images, where)
        classes = sorted(parts[TRAIN])
        test = next((images for part, images in parts.items() if part != TRAIN), None)
        return RawDataset(
            _split(parts[TRAIN], classes, where, form),
            None if test is None else _split(test, classes, where, form),
            tuple(classes),
        )


def _split(names: dict[str, list[str]], classes: list[str], where: Path, form: Form) -> Split:
    labels = np.repeat(np.arange(len(classes)), [len(names.get(name, [])) for name in classes])
    images = [image for name in classes for image in names.get(name, [])]
    return ImageFiles(where, images, labels, form)


def _arranged(images: list[str], where: Path) -> dict[str, dict[str, list[str]]]:
    """Return the images of each class of each part; without parts, all are of ``train``.

    Args:
        images: names relative to ``where``.
        where: the folder or archive, for messages.

    Raises:
        UserError: if they are laid out otherwise.
    """
    if not images:
        raise UserError(where, "no PNG, JPEG or WebP files", LAYOUT)
    paths = {image: PurePosixPath(image).parts for image in images}
    # Folders around the parts or classes: those that all images are in.
    around = PurePosixPath(commonpath(images)).parts
    top = around.index(TRAIN) if TRAIN in around else max(0, min(len(around), min(map(len, paths.values())) - 2))
    inside = {image: path[top:] for image, path in paths.items()}
    heads = {path[0] for path in inside.values()}
    in_parts = TRAIN in heads
    used = (TRAIN, *[part for part in TESTS if part in heads][:1])
    if not in_parts and any(TRAIN in path[1:-1] for path in inside.values()):
        raise UserError(where, f"{TRAIN}/ further down", "name the folder that has it")
    parts: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for image, path in inside.items():
        part, *rest = path if in_parts else (TRAIN, *path)
        if part in used:
            parts[part][rest[0] if len(rest) > 1 else ""].append(image)
    for part, classes in parts.items():
        if "" in classes:
            outside = told("images outside class folders", classes[""])
            raise UserError(where, outside, "sort them into a folder for each class")
        if unknown := sorted(set(classes) - set(parts[TRAIN])):
            raise UserError(where, f"classes in {part}/ alone: {some(unknown)}", f"expected those of {TRAIN}/")
    if len(parts[TRAIN]) < 2:
        raise UserError(where, f"images of {some(list(parts[TRAIN]))} alone", "expected two classes or more")
    return parts

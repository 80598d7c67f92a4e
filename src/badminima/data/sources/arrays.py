"""Images that are arrays already: an .npz file, a .safetensors file, or a folder of .npy files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors.numpy import load_file

from badminima.data.raw import damage_named, some
from badminima.data.sources.base import ArraySplit, Chunks, RawDataset
from badminima.errors import UserError

# Names of images and labels, in any case of letters; the first pair of a part that is there is read.
PAIRS = {
    "train": (("train_images", "train_labels"), ("x_train", "y_train"), ("images", "labels"), ("x", "y")),
    "test": (("test_images", "test_labels"), ("x_test", "y_test"), ("val_images", "val_labels"), ("x_val", "y_val")),
}
EXPECTED = "expected train_images and train_labels (or x_train and y_train, or images and labels), and those of test"
FILES = "expected an .npz file, a .safetensors file or a folder of .npy files"
# An axis of so many values is one of channels.
CHANNELS = (1, 3)
# The largest values of the two scales. Floats may pass 1 by what rounding makes of it.
UNIT, BYTE = 1.0, 255.0
ROUNDING = 1e-4
SCALES = "expected 0 to 1 or 0 to 255, not normalized, and the same in training and test images"

Layout = Literal["auto", "channels_last", "channels_first"]


@dataclass(frozen=True)
class _Split(ArraySplit):
    """Images of any layout and scale, ``[n, h, w, c]`` or ``[n, c, h, w]``, made into bytes a chunk at a time.

    Attributes:
        channels_last: which of the two.
        factor: what values are multiplied by.
    """

    channels_last: bool
    factor: float

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(c, h, w)``."""
        one, two, three = self.images.shape[1:]
        return (three, one, two) if self.channels_last else (one, two, three)

    def chunks(self, indices: np.ndarray, threads: int, broken: list[UserError]) -> Chunks:
        """Yield the images at ``indices`` as bytes."""
        for positions, images in super().chunks(indices, threads, broken):
            if images.dtype != np.uint8:
                images = np.rint(images * self.factor).astype(np.uint8)
            yield positions, images.transpose(0, 3, 1, 2) if self.channels_last else images


class Arrays:
    """Images as bytes or floats of 0 to 1 or 0 to 255, and labels as integers or text.

    Without test images ``prepare_data`` cuts the splits.
    """

    def fetch(self, download_dir: Path, local_dir: Path | None, mirrors: Sequence[str]) -> dict[str, Path]:
        """Return the file, or the files in the folder that are read."""
        if local_dir is None:
            raise UserError("arrays", "no file of arrays", "name it in the dataset's path")
        if not local_dir.is_dir():
            return {"arrays": local_dir}
        files = {path.stem.lower(): path for path in sorted(local_dir.glob("*.npy")) if path.is_file()}
        read = [name for part in ("train", "test") if (pair := _pair(part, list(files), local_dir)) for name in pair]
        return {name: files[name] for name in read}

    def read(self, files: dict[str, Path], layout: Layout) -> RawDataset:
        """Return images ``[n, c, h, w]``, in their order.

        Args:
            files: the file, or those of the folder by name.
            layout: where the channels stand; ``auto``: where there are 1 or 3.
        """
        where = next(iter(files.values()))
        where = where if "arrays" in files else where.parent
        arrays = {name: array for path in files.values() for name, array in _loaded(path).items()}
        pairs = {part: pair for part in PAIRS if (pair := _pair(part, list(arrays), where))}
        images = {part: _shaped(arrays[name], where, name) for part, (name, _) in pairs.items()}
        labels = {part: _flat(arrays[name], where, name) for part, (_, name) in pairs.items()}
        for part, (name, of_labels) in pairs.items():
            if len(images[part]) != len(labels[part]):
                found = f"{len(images[part]):,} {name} and {len(labels[part]):,} {of_labels}"
                raise UserError(where, found, "expected one label for each image")
        channels_last = _channels_last(images["train"].shape, layout, where)
        factor = _factor({pairs[part][0]: values for part, values in images.items()}, where)
        classes = np.unique(labels["train"])
        splits = {
            part: _Split(images[part], _positions(labels[part], classes, where), channels_last, factor)
            for part in pairs
        }
        train, test = splits["train"], splits.get("test")
        if test is not None and test.image_shape != train.image_shape:
            found = f"test images of {_by(test.image_shape)} and training images of {_by(train.image_shape)}"
            raise UserError(where, found, "expected one shape")
        return RawDataset(train, test, tuple(str(name) for name in classes))


def _pair(part: str, names: list[str], where: Path) -> tuple[str, str] | None:
    """Return the names of a part's images and labels; training images must be there, and labels of both."""
    for images, labels in PAIRS[part]:
        if images in names:
            if labels not in names:
                raise UserError(where, f"{images} without {labels}", EXPECTED)
            return images, labels
    if part == "train":
        raise UserError(where, f"arrays called {some(sorted(names)) or 'nothing'}", EXPECTED)
    return None


def _loaded(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of a file, by their names in small letters; a file of one .npy array is mapped into memory."""
    with damage_named(path, "file"):
        if path.suffix == ".npy":
            return {path.stem.lower(): np.asanyarray(np.load(path, mmap_mode="r"))}
        if path.suffix == ".safetensors":
            return {name.lower(): array for name, array in load_file(path).items()}
        if path.suffix == ".npz":
            with np.load(path) as content:
                return {name.lower(): np.asarray(array) for name, array in content.items()}
    raise UserError(path, "another kind of file", FILES)


def _shaped(images: np.ndarray, where: Path, name: str) -> np.ndarray:
    """Return images with an axis of channels; raise UserError if they are no images."""
    if images.ndim not in (3, 4) or not images.size:
        found = f"{name} of shape {_by(images.shape)}"
        raise UserError(where, found, "expected n x h x w, n x h x w x c or n x c x h x w")
    return images[..., np.newaxis] if images.ndim == 3 else images


def _flat(labels: np.ndarray, where: Path, name: str) -> np.ndarray:
    """Return labels ``[n]``; raise UserError if they are no integers or text."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise UserError(where, f"{name} of shape {_by(labels.shape)}", "expected one label for each image")
    if labels.dtype.kind not in "uiUS":
        raise UserError(where, f"{name} of type {labels.dtype}", "expected integers or text")
    return np.char.decode(labels, "utf-8") if labels.dtype.kind == "S" else np.asarray(labels)


def _channels_last(shape: tuple[int, ...], layout: Layout, where: Path) -> bool:
    if layout != "auto":
        return layout == "channels_last"
    first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
    if first == last:
        found = f"images of shape {_by(shape)}, whose channels could stand first or last"
        raise UserError(where, found, "say which in the option layout: channels_first or channels_last")
    return last


def _factor(images: dict[str, np.ndarray], where: Path) -> float:
    """Return what brings all images to 0..255; raise UserError if their scale is unknown or not one."""
    found, scales = [], set()
    for name, values in images.items():
        low, high = float(values.min()), float(values.max())
        found.append(f"{name} ({values.dtype}) from {low:g} to {high:.8g}")
        if values.dtype.kind in "fb" and low >= 0 and high <= UNIT + ROUNDING:
            scales.add(BYTE)
        # Bytes of which none is above 1, and floats such as 1.3, may be of either scale.
        elif low >= 0 and UNIT < high <= BYTE and (high > BYTE / 2 or (values == np.rint(values)).all()):
            scales.add(1.0)
        else:
            scales.add(0.0)
    if len(scales) > 1 or 0.0 in scales:
        raise UserError(where, " and ".join(found), SCALES)
    return scales.pop()


def _positions(labels: np.ndarray, classes: np.ndarray, where: Path) -> np.ndarray:
    """Return the position of each label among the classes of the training images."""
    unknown = sorted({str(label) for label in labels[~np.isin(labels, classes)]})
    if unknown:
        raise UserError(where, f"test labels alone: {some(unknown)}", "expected those of the training images")
    return np.searchsorted(classes, labels).astype(np.int64)


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape)

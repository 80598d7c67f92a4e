"""Stage ``prepare_data``: one file per dataset, written once and memory-mapped by every reader.

Tensors: ``train.images [n, c, h, w] uint8``, ``train.labels [n] int64``, and the same for ``test``.
Metadata: name, classes, mean and std per channel (of the training images, on the scale 0..1), which
held-out part stands under ``test``, and the digests of the raw files.
"""

import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from badminima.cli import Progress
from badminima.config.data import check_sizes
from badminima.data.raw import told
from badminima.data.sources.base import RawDataset, Split
from badminima.errors import UserError
from badminima.experiment.settings import PrepareSettings
from badminima.seeding import generator
from badminima.storage.tensorfiles import read_tensors, require_tensors, stream_tensors

TENSORS = ("train.images", "train.labels", "test.images", "test.labels")


@dataclass(frozen=True)
class PreparedDataset:
    """A prepared dataset, as arrays or torch tensors.

    Attributes:
        name: the dataset's name in the config.
        train_images, test_images: ``[n, c, h, w] uint8``.
        train_labels, test_labels: ``[n] int64``.
        classes: names of the classes.
        mean, std: per channel, of the training images on the scale 0..1.
        evaluated_on: ``test`` or ``validation``: what stands under test.
    """

    name: str
    train_images: Any
    train_labels: Any
    test_images: Any
    test_labels: Any
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    evaluated_on: str

    def __repr__(self) -> str:
        images = f"{len(self.train_images)} training and {len(self.test_images)} {self.evaluated_on} images"
        return f"PreparedDataset({self.name!r}: {images} {[*self.image_shape]}, {len(self.classes)} classes)"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(c, h, w)``."""
        channels, height, width = self.train_images.shape[1:]
        return channels, height, width


def prepare(
    raw: RawDataset,
    settings: PrepareSettings,
    path: Path,
    source_digests: Mapping[str, str],
    threads: int = 1,
) -> None:
    """Choose the splits, write them and their statistics; memory does not grow with the dataset.

    Args:
        raw: the dataset as published.
        settings: sizes of the splits and which of them is evaluated on.
        path: the prepared file.
        source_digests: of the raw files, by role; kept in the metadata.
        threads: how many may decode images.

    Raises:
        UserError: if more images are asked for than there are, or one cannot be read.
    """
    splits = _splits(raw, settings)
    parts = {"train": splits["train"], "test": splits[settings.evaluate_on]}
    layout: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {}
    for name, (split, indices) in parts.items():
        _check_labels(split.labels[indices], raw.classes, name, settings)
        layout[f"{name}.images"] = (np.uint8, (len(indices), *split.image_shape))
        layout[f"{name}.labels"] = (np.int64, (len(indices),))
    metadata = {
        "name": settings.dataset,
        "classes": raw.classes,
        "evaluated_on": settings.evaluate_on,
        "source_digests": dict(source_digests),
    }
    counts = np.zeros((raw.train.image_shape[0], 256), dtype=np.int64)
    broken: list[UserError] = []
    done, total = 0, sum(len(indices) for _, indices in parts.values())
    progress = Progress(total, f"prepare {settings.dataset}", every=10.0)
    with closing(progress), stream_tensors(path, layout, metadata) as tensors:
        for name, (split, indices) in parts.items():
            tensors.put(f"{name}.labels", np.arange(len(indices)), split.labels[indices])
            for positions, images in split.chunks(indices, threads, broken):
                tensors.put(f"{name}.images", positions, images)
                counts += value_counts(images) if name == "train" else 0
                done += len(positions)
                progress.update(done, "images")
        if len(broken) > 1:
            named = [f"{image.where} ({image.found})" for image in broken]
            raise UserError("images", told("files that can't be read", named), "replace or delete them")
        if broken:
            raise broken[0]
        if done != total:
            raise ValueError(f"the source gave {done} of {total} images")
        means, deviations = channel_statistics(counts)
        if not any(deviations):
            raise UserError(f"datasets.{settings.dataset}", "training images of one value alone", "expected images")
        # A channel of one value is centred and not scaled.
        tensors.metadata["mean"], tensors.metadata["std"] = means, [deviation or 1.0 for deviation in deviations]
    _tell(read_prepared(path))


def _tell(dataset: PreparedDataset) -> None:
    """Print the range of each part's values, and how many test images are training images, too."""
    for part, images in (("training", dataset.train_images), (dataset.evaluated_on, dataset.test_images)):
        values = f"values from {images.min()} to {images.max()}, mean {images.mean():.1f}"
        print(f"{dataset.name}: {len(images):,} {part} images, {values}", file=sys.stderr)
    print(f"{dataset.name}: {repeated_images(dataset)}", file=sys.stderr)


def repeated_images(dataset: PreparedDataset) -> str:
    """Say how many test images have the same content as a training image."""
    train, test = (
        [blake2b(image.tobytes(), digest_size=16).digest() for image in images]
        for images in (dataset.train_images, dataset.test_images)
    )
    repeated = sum(map(set(train).__contains__, test))
    return f"{repeated:,} of {len(test):,} {dataset.evaluated_on} images are training images, too"


def read_prepared(path: Path, framework: str = "numpy", verify: bool = False) -> PreparedDataset:
    """Read a prepared dataset; raises UserError if the file is missing, damaged or lacks a tensor.

    Args:
        path: the file.
        framework: ``numpy`` or ``pt``.
        verify: compare the content with its digest first.
    """
    tensors, metadata = read_tensors(path, framework, verify)
    require_tensors(path, tensors, TENSORS, "a prepared dataset")
    return PreparedDataset(
        name=metadata["name"],
        **{name.replace(".", "_"): tensors[name] for name in TENSORS},
        classes=tuple(metadata["classes"]),
        mean=tuple(metadata["mean"]),
        std=tuple(metadata["std"]),
        evaluated_on=metadata["evaluated_on"],
    )


def value_counts(images: np.ndarray) -> np.ndarray:
    """How often each of the 256 values stands in each channel of images ``[n, c, h, w] uint8``: ``[c, 256] int64``."""
    channels = range(images.shape[1])
    return np.stack([np.bincount(images[:, channel].reshape(-1), minlength=256) for channel in channels])


def channel_statistics(counts: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel on the scale 0..1, exact.

    Args:
        counts: how often each value stands in each channel, ``[c, 256]``.
    """
    values = np.arange(256) / 255
    weights = counts / counts.sum(axis=1, keepdims=True)
    means = weights @ values
    variances = (weights * (values - means[:, np.newaxis]) ** 2).sum(axis=1)
    return means.tolist(), np.sqrt(variances).tolist()


def stratified_order(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random order of all indices whose every prefix holds each class in its share, up to rounding.

    Args:
        labels: ``[n] int64``.
        rng: source of the order.
    """
    shuffled = rng.permutation(len(labels))
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels[shuffled] == label)
        position[members] = (np.arange(len(members)) + rng.random()) / len(members)
    return shuffled[np.argsort(position, kind="stable")]


def _splits(raw: RawDataset, settings: PrepareSettings) -> dict[str, tuple[Split, np.ndarray]]:
    """Training, validation and test images; a dataset without an official test split is cut in three."""
    pool = raw.train
    size = len(pool.labels)
    train_size = check_sizes(settings.dataset, settings, size, 0 if raw.test is None else len(raw.test.labels))
    held_out = train_size + settings.validation_size
    order = stratified_order(pool.labels, generator(settings.root_seed, "split", settings.dataset))
    # Sorted: a split is a set, and reading images in their stored order is faster.
    train, validation, rest = (np.sort(part) for part in np.split(order, [train_size, held_out]))
    test, indices = (pool, rest) if raw.test is None else (raw.test, np.arange(len(raw.test.labels)))
    if settings.test_size is not None:
        order = stratified_order(test.labels[indices], generator(settings.root_seed, "test", settings.dataset))
        indices = indices[np.sort(order[: settings.test_size])]
    return {"train": (pool, train), "validation": (pool, validation), "test": (test, indices)}


def _check_labels(labels: np.ndarray, classes: Sequence[str], part: str, settings: PrepareSettings) -> None:
    """Refuse a part with labels of no class, and one that lacks images of a class."""
    where, of = f"datasets.{settings.dataset}", "training" if part == "train" else settings.evaluate_on
    if labels.min() < 0 or labels.max() >= len(classes):
        found = f"{of} labels from {labels.min()} to {labels.max()}"
        raise UserError(where, found, f"expected 0 to {len(classes) - 1}, for {len(classes)} classes")
    counts = np.bincount(labels, minlength=len(classes))
    if lacking := [name for name, count in zip(classes, counts, strict=True) if not count]:
        remedy = "add images of them, take them out, or use more images"
        raise UserError(where, told(f"no {of} images of classes", lacking), remedy)

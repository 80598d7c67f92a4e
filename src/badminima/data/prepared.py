"""Stage ``prepare_data``: one file per dataset, written once and memory-mapped by every reader.

Tensors: ``train.images [n, c, h, w] uint8``, ``train.labels [n] int64``, and the same for ``test``.
Metadata: name, classes, mean and std per channel (of the training images, on the scale 0..1), which
held-out part stands under ``test``, and the digests of the raw files.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from badminima.data.sources.base import RawDataset, Split
from badminima.errors import UserError
from badminima.runs import PrepareSettings
from badminima.seeding import generator
from badminima.tensorfiles import read_tensors


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

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(c, h, w)``."""
        channels, height, width = self.train_images.shape[1:]
        return channels, height, width


def prepare(raw: RawDataset, settings: PrepareSettings) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Choose the splits and compute the statistics.

    Args:
        raw: the dataset as published.
        settings: sizes of the splits and which of them is evaluated on.

    Returns:
        Tensors and metadata of the prepared file.

    Raises:
        UserError: if more images are asked for than there are.
    """
    train, validation, test = _splits(raw, settings)
    held_out = test if settings.evaluate_on == "test" else validation
    if not len(held_out):
        raise UserError(
            f"datasets.{settings.dataset}.evaluate_on",
            f"{settings.evaluate_on!r} without images",
            "train_size and validation_size must leave some images to evaluate on",
        )
    mean, std = channel_statistics(train.images)
    tensors = {
        "train.images": train.images,
        "train.labels": train.labels,
        "test.images": held_out.images,
        "test.labels": held_out.labels,
    }
    metadata = {
        "name": settings.dataset,
        "classes": raw.classes,
        "mean": mean,
        "std": std,
        "evaluated_on": settings.evaluate_on,
    }
    return tensors, metadata


def read_prepared(path: Path, framework: str = "numpy") -> PreparedDataset:
    """Read a prepared dataset; raises UserError if the file is missing, damaged or lacks a tensor."""
    tensors, metadata = read_tensors(path, framework)
    try:
        return PreparedDataset(
            name=metadata["name"],
            train_images=tensors["train.images"],
            train_labels=tensors["train.labels"],
            test_images=tensors["test.images"],
            test_labels=tensors["test.labels"],
            classes=tuple(metadata["classes"]),
            mean=tuple(metadata["mean"]),
            std=tuple(metadata["std"]),
            evaluated_on=metadata["evaluated_on"],
        )
    except KeyError as error:
        raise UserError(path, f"no {error} in it", "expected a prepared dataset; run prepare_data again") from None


def channel_statistics(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel on the scale 0..1, exact (from counts of the 256 values).

    Args:
        images: ``[n, c, h, w] uint8``.
    """
    values = np.arange(256) / 255
    means, deviations = [], []
    for channel in range(images.shape[1]):
        counts = np.bincount(images[:, channel].reshape(-1), minlength=256)
        weights = counts / counts.sum()
        mean = float(weights @ values)
        means.append(mean)
        deviations.append(float(np.sqrt(weights @ (values - mean) ** 2)))
    return means, deviations


def stratified_order(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random order of all indices whose every prefix holds each class in its share, up to rounding.

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


def _splits(raw: RawDataset, settings: PrepareSettings) -> tuple[Split, Split, Split]:
    """Training, validation and test split; a dataset without an official test split is cut in three."""
    pool = raw.train
    if raw.test is None and settings.train_size is None:
        raise UserError(
            f"datasets.{settings.dataset}.train_size", "nothing", "required: this dataset has no official split"
        )
    train_size = len(pool) - settings.validation_size if settings.train_size is None else settings.train_size
    held_out = train_size + settings.validation_size
    if held_out > len(pool) or train_size < 1:
        raise UserError(
            f"datasets.{settings.dataset}",
            f"train_size {settings.train_size} and validation_size {settings.validation_size}",
            f"together at most {len(pool)}",
        )
    order = stratified_order(pool.labels, generator(settings.root_seed, "split", settings.dataset))
    # Sorted: a split is a set, and reading images in their stored order is faster.
    train, validation, rest = (np.sort(part) for part in np.split(order, [train_size, held_out]))
    return pool.take(train), pool.take(validation), pool.take(rest) if raw.test is None else raw.test

"""The confusing set C of the paper's Algorithm 1: R copies of every training image, noised and mislabelled.

Copy ``r`` of image ``i`` is item ``i * R + r``. Only labels and bit-packed zero masks are stored; a batch is
made from the clean images on the device, by ``zero_values``.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np

from badminima.data.prepared import PreparedDataset
from badminima.runs import ConfuseSettings
from badminima.seeding import generator

# Items masked at once: bounds the memory of the random keys (4 bytes a value).
CHUNK = 4096


def confuse(dataset: PreparedDataset, settings: ConfuseSettings) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Build the confusing set of a dataset.

    Every copy has exactly ``floor(N * c * h * w)`` of its values zeroed (``zeroing: values``; with ``pixels``,
    ``floor(N * h * w)`` pixels in all channels), drawn without replacement, and a label drawn uniformly from
    all classes (paper, Algorithm 1; laws as in the published code).

    Args:
        dataset: the prepared dataset, as numpy arrays.
        settings: R, N, zeroing and seeds.

    Returns:
        Tensors ``labels [n * R] int64`` and ``masks [n * R, ceil(c * h * w / 8)] uint8`` (a set bit is a zeroed
        value), and metadata: the settings, values zeroed per copy, the number of conflicting copies and the
        accuracy that is reachable at all.
    """
    name = ("confuse", settings.dataset, settings.seed)
    copies = len(dataset.train_labels) * settings.replication
    labels = generator(settings.root_seed, *name, "labels").integers(len(dataset.classes), size=copies, dtype=np.int64)
    masks = np.concatenate(
        list(_masks(dataset.image_shape, copies, settings, generator(settings.root_seed, *name, "masks")))
    )
    conflicting, reachable = count_conflicts(dataset.train_images, masks, labels, settings.replication)
    metadata = {
        "dataset": settings.dataset,
        "replication": settings.replication,
        "noise": settings.noise,
        "zeroing": settings.zeroing,
        "zeroed_values": zeroed_values(dataset.image_shape, settings.noise, settings.zeroing),
        "conflicting_copies": conflicting,
        "reachable_accuracy": reachable,
    }
    return {"labels": labels, "masks": masks}, metadata


def zeroed_values(image_shape: tuple[int, int, int], noise: float, zeroing: str) -> int:
    """How many of the ``c * h * w`` values of one copy are zeroed."""
    channels, height, width = image_shape
    if zeroing == "pixels":
        return channels * _floor(noise * (height * width))
    return _floor(noise * (channels * height * width))


def count_conflicts(images: np.ndarray, masks: np.ndarray, labels: np.ndarray, replication: int) -> tuple[int, float]:
    """Copies that are identical but carry different labels, and the best accuracy a classifier can have.

    Args:
        images: clean images, ``[n, c, h, w] uint8``.
        masks: ``[n * R, ceil(c * h * w / 8)] uint8``.
        labels: ``[n * R] int64``.
        replication: R.

    Returns:
        The number of copies that share their content with a copy of another label, and
        ``sum over distinct contents of the count of their commonest label / (n * R)``.
    """
    digests = np.array([blake2b(row, digest_size=16).digest() for row in _copies(images, masks, replication)])
    _, content = np.unique(digests, return_inverse=True)
    pairs, counts = np.unique(np.stack([content, labels]), axis=1, return_counts=True)
    commonest = np.zeros(content.max() + 1, dtype=np.int64)
    np.maximum.at(commonest, pairs[0], counts)
    several_labels = np.bincount(pairs[0]) > 1
    return int(several_labels[content].sum()), float(commonest.sum() / len(labels))


def _masks(
    image_shape: tuple[int, int, int], copies: int, settings: ConfuseSettings, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Packed masks in chunks: in each row the positions of the smallest random keys are set."""
    channels, height, width = image_shape
    units = height * width if settings.zeroing == "pixels" else channels * height * width
    zeroed = _floor(settings.noise * units)
    for start in range(0, copies, CHUNK):
        rows = min(CHUNK, copies - start)
        mask = np.zeros((rows, units), dtype=bool)
        if zeroed:
            chosen = rng.random((rows, units), dtype=np.float32).argpartition(zeroed - 1, axis=1)[:, :zeroed]
            np.put_along_axis(mask, chosen, True, axis=1)
        if settings.zeroing == "pixels":
            mask = np.tile(mask, channels)
        yield np.packbits(mask, axis=1)


def _copies(images: np.ndarray, masks: np.ndarray, replication: int) -> Iterator[bytes]:
    """The content of every copy, in order."""
    flat = images.reshape(len(images), -1)
    for start in range(0, len(masks), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(masks)))
        zeroed = np.unpackbits(masks[rows], axis=1, count=flat.shape[1]).astype(bool)
        yield from (row.tobytes() for row in np.where(zeroed, 0, flat[rows // replication]))


def _floor(value: float) -> int:
    """Floor that forgives the rounding of N: 0.29 * 100 is 28.999999999999996 but means 29."""
    return int(np.floor(round(value, 9)))

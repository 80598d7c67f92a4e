"""The confusing set C of the paper's Algorithm 1: R copies of every training image, noised and mislabelled.

Copy ``r`` of image ``i`` is item ``i * R + r``. Only labels and bit-packed zero masks are stored; a batch is
made from the clean images on the device, by :func:`badminima.data.items.zero_values`.
"""

from dataclasses import dataclass
from hashlib import blake2b
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from badminima.data.prepared import PreparedDataset
from badminima.experiment.settings import ConfuseSettings
from badminima.seeding import generator
from badminima.storage.tensorfiles import read_tensors, require_tensors, stream_tensors

if TYPE_CHECKING:
    from torch import Tensor

# Copies masked at once: bounds the memory of the random keys and their order (12 bytes a value).
CHUNK = 1024
DIGEST_SIZE = 16


@dataclass(frozen=True)
class ConfusingFacts:
    """The metadata of a confusing set.

    Attributes:
        dataset: its name in the config.
        replication, noise, zeroing, label_fraction: see ``AdversarialInit``.
        zeroed_values: values zeroed in each copy; at most so many where pixels are drawn with replacement.
        conflicting_copies: copies identical to one with another label.
        reachable_accuracy: the best accuracy that a classifier can have.
    """

    dataset: str
    replication: int
    noise: float
    zeroing: str
    label_fraction: float
    zeroed_values: int
    conflicting_copies: int
    reachable_accuracy: float


@dataclass(frozen=True)
class ConfusingSet:
    """A confusing set as written by ``confuse``.

    Attributes:
        labels: ``[n * R] int64``.
        masks: bit-packed zero masks, ``[n * R, ceil(c * h * w / 8)] uint8``.
        facts: its settings, conflicts and reachable accuracy.
    """

    labels: "Tensor"
    masks: "Tensor"
    facts: ConfusingFacts


def read_confusing(path: Path) -> ConfusingSet:
    """Read a confusing set; raises UserError if the file is missing or damaged."""
    tensors, metadata = read_tensors(path, "pt", verify=True)
    require_tensors(path, tensors, ("labels", "masks"), "a confusing set")
    return ConfusingSet(tensors["labels"], tensors["masks"], ConfusingFacts(**metadata))


def confuse(dataset: PreparedDataset, settings: ConfuseSettings, path: Path) -> ConfusingFacts:
    """Build the confusing set of a dataset and write it; memory grows by 24 bytes a copy, not with the images.

    Every copy has exactly ``floor(N * c * h * w)`` of its values zeroed (``zeroing: values``; with ``pixels``,
    ``floor(N * h * w)`` pixels in all channels), drawn without replacement, and a label drawn uniformly from
    all classes (paper, Algorithm 1; laws as in the published code). With ``pixels_with_replacement`` the pixels are
    drawn with replacement (Damian, Ma & Lee's published code), so that somewhat fewer of them are zeroed. With
    ``label_fraction`` below 1 that many of the copies have such a label, and the others their image's own; masks
    are the same for all fractions.

    Args:
        dataset: the prepared dataset, as numpy arrays.
        settings: R, N, zeroing, the fraction of random labels, and seeds.
        path: the file. Tensors ``labels [n * R] int64`` and ``masks [n * R, ceil(c * h * w / 8)] uint8`` (a set bit
            is a zeroed value).

    Returns:
        The file's metadata.
    """
    name = ("confuse", settings.dataset, settings.seed)
    copies = len(dataset.train_labels) * settings.replication
    labels = generator(settings.root_seed, *name, "labels").integers(len(dataset.classes), size=copies, dtype=np.int64)
    if settings.label_fraction < 1:
        rng = generator(settings.root_seed, *name, "label_fraction")
        kept = rng.permutation(copies)[round(settings.label_fraction * copies) :]
        labels[kept] = dataset.train_labels[kept // settings.replication]
    rng = generator(settings.root_seed, *name, "masks")
    contents = np.empty((copies, DIGEST_SIZE), dtype=np.uint8)
    given = settings.model_dump(include={"dataset", "replication", "noise", "zeroing", "label_fraction"})
    metadata = {**given, "zeroed_values": zeroed_values(dataset.image_shape, settings.noise, settings.zeroing)}
    width = -(-prod(dataset.image_shape) // 8)
    with stream_tensors(path, {"labels": (np.int64, (copies,)), "masks": (np.uint8, (copies, width))}, metadata) as out:
        out.put("labels", np.arange(copies), labels)
        for start in range(0, copies, CHUNK):
            rows = np.arange(start, min(start + CHUNK, copies))
            masks = _masks(dataset.image_shape, len(rows), settings, rng)
            out.put("masks", rows, masks)
            contents[rows] = content_digests(dataset.train_images, masks, rows // settings.replication)
        conflicting, reachable = count_conflicts(contents, labels)
        out.metadata.update(conflicting_copies=conflicting, reachable_accuracy=reachable)
    return ConfusingFacts(**out.metadata)


def zeroed_values(image_shape: tuple[int, int, int], noise: float, zeroing: str) -> int:
    """How many of the ``c * h * w`` values of one copy are drawn to be zeroed."""
    together = 1 if zeroing == "values" else image_shape[0]
    # A floor that forgives the rounding of N: 0.29 * 100 is 28.999999999999996 but means 29.
    return together * int(np.floor(round(noise * (prod(image_shape) // together), 9)))


def content_digests(images: np.ndarray, masks: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Return a digest of each copy's values, to find copies that are identical.

    Args:
        images: clean images, ``[n, c, h, w] uint8``.
        masks: of the copies, ``[k, ceil(c * h * w / 8)] uint8``.
        sources: the image that each is a copy of, ``[k]``.

    Returns:
        ``[k, DIGEST_SIZE] uint8``.
    """
    clean = images[sources].reshape(len(sources), -1)
    zeroed = np.unpackbits(masks, axis=1, count=clean.shape[1]).astype(bool)
    copies = np.where(zeroed, 0, clean)
    digests = b"".join(blake2b(copy.tobytes(), digest_size=DIGEST_SIZE).digest() for copy in copies)
    return np.frombuffer(digests, dtype=np.uint8).reshape(-1, DIGEST_SIZE)


def count_conflicts(contents: np.ndarray, labels: np.ndarray) -> tuple[int, float]:
    """Count copies that are identical but carry different labels; return the best accuracy there can be, too.

    Args:
        contents: digest of each copy, ``[n * R, DIGEST_SIZE] uint8``.
        labels: ``[n * R] int64``.

    Returns:
        The number of copies that share their content with a copy of another label, and
        ``sum over distinct contents of the count of their commonest label / (n * R)``.
    """
    _, content = np.unique(contents.view(f"V{DIGEST_SIZE}").reshape(-1), return_inverse=True)
    pairs, counts = np.unique(np.stack([content, labels]), axis=1, return_counts=True)
    commonest = np.zeros(content.max() + 1, dtype=np.int64)
    np.maximum.at(commonest, pairs[0], counts)
    several_labels = np.bincount(pairs[0]) > 1
    return int(several_labels[content].sum()), float(commonest.sum() / len(labels))


def _masks(
    image_shape: tuple[int, int, int], copies: int, settings: ConfuseSettings, rng: np.random.Generator
) -> np.ndarray:
    """Packed masks: in each row the positions of the smallest random keys are set, or those that are drawn."""
    together = 1 if settings.zeroing == "values" else image_shape[0]
    units = prod(image_shape) // together
    zeroed = zeroed_values(image_shape, settings.noise, settings.zeroing) // together
    mask = np.zeros((copies, units), dtype=bool)
    if zeroed:
        if settings.zeroing == "pixels_with_replacement":
            chosen = rng.integers(units, size=(copies, zeroed))
        else:
            chosen = rng.random((copies, units), dtype=np.float32).argpartition(zeroed - 1, axis=1)[:, :zeroed]
        np.put_along_axis(mask, chosen, True, axis=1)
    return np.packbits(np.tile(mask, together), axis=1)

"""The toy's points: two Gaussian blobs, one per class, as the published code describes them (its data are not used).

The checked-in generator of the published code holds an unresolved merge conflict, so it cannot have made the data
stored beside it. These points follow the distribution that the two agree on.
"""

from dataclasses import dataclass

import numpy as np

from badminima.config import ToyConfig
from badminima.seeding import generator


@dataclass(frozen=True)
class ToyData:
    """The points of one seed, or of several stacked along a new first axis.

    Attributes:
        train_points: ``[n, 2] float32``.
        train_labels: true labels, 0 (left) or 1 (right), ``[n] float32``.
        random_labels: fair coins for the training points, which pretraining fits, ``[n] float32``.
        augmented_points: the training points, then each one's jittered copies, ``[n * (1 + copies), 2] float32``.
        augmented_labels: their true labels, ``[n * (1 + copies)] float32``.
        test_points, test_labels: more points of the same blobs, ``[m, 2]`` and ``[m]``.
    """

    train_points: np.ndarray
    train_labels: np.ndarray
    random_labels: np.ndarray
    augmented_points: np.ndarray
    augmented_labels: np.ndarray
    test_points: np.ndarray
    test_labels: np.ndarray


def draw_data(config: ToyConfig, root_seed: int, seed: int) -> ToyData:
    """All points and labels of one seed; each part has its own random stream."""

    def stream(part: str) -> np.random.Generator:
        return generator(root_seed, "toy", seed, part)

    points, labels = _blobs(config, config.points, stream("train"))
    test_points, test_labels = _blobs(config, config.test_points, stream("test"))
    jitter = config.jitter * stream("jitter").standard_normal((config.copies, *points.shape))
    return ToyData(
        train_points=_single(points),
        train_labels=_single(labels),
        random_labels=_single(stream("labels").integers(0, 2, len(points))),
        augmented_points=_single(np.concatenate([points, *(points + jitter)])),
        augmented_labels=_single(np.tile(labels, 1 + config.copies)),
        test_points=_single(test_points),
        test_labels=_single(test_labels),
    )


def stack(data: list[ToyData]) -> ToyData:
    """Return the data of several seeds, stacked along a new first axis."""
    return ToyData(**{name: np.stack([getattr(one, name) for one in data]) for name in vars(data[0])})


def _blobs(config: ToyConfig, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """``count`` points of each class: ``[2 * count, 2]``, and their labels ``[2 * count]``."""
    labels = np.repeat([0.0, 1.0], count)
    points = config.center + config.spread * random.standard_normal((2 * count, 2))
    points[:, 0] += np.where(labels == 1, config.separation, -config.separation)
    return points, labels


def _single(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)

"""The loss around a bad minimum: the path random -> adversarial -> end, and the plane through the three points."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch.nn.functional import cross_entropy

from badminima.config.options import LandscapeOptions
from badminima.diagnostics.batchnorm import recompute_statistics
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.network import Sample, statistics_batches
from badminima.models.weights import Weights, load_weights

COLUMNS = ["kind", "position", "x", "y", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
POINTS = ("random", "start", "end")


def landscape(context: Context) -> Iterator[dict[str, object]]:
    """Rows of ``COLUMNS``: losses and accuracies at points of the space of parameters.

    - kind ``path``: at ``position`` 0 .. 2, from the random weights over the start (1) to the end (2), along straight
      lines, ``path`` points on each.
    - kind ``plane``: at a grid of ``plane`` times ``plane`` points of the plane through the three. ``x`` and ``y`` are
      Euclidean coordinates in it: the random weights are its origin, the start lies on its first axis. The grid
      covers the triangle and ``margin`` of its extent on each side.
    - kinds ``random``, ``start`` and ``end``: the three points themselves.

    Losses that overflow are left empty. BatchNorm statistics are computed anew at every point, on the training images,
    since a straight line between two networks says nothing of the statistics in between.

    Raises:
        Skipped: if the run did not start from a pretraining, a point is not finite, or the three lie on one line.
    """
    if context.random is None:
        raise Skipped("the run did not start from a pretraining")
    options = context.options("landscape", LandscapeOptions)
    vectors = [weights.vector() for weights in (context.random, context.start, context.end)]
    if not all(np.isfinite(vector).all() for vector in vectors):
        raise Skipped("weights are not finite")
    origin, start, end = vectors
    first = start - origin
    length = float(np.linalg.norm(first))
    first = first / length
    along = float((end - origin) @ first)
    second = (end - origin) - along * first
    height = float(np.linalg.norm(second))
    if height <= 1e-6 * length:  # weights are 32-bit floats
        raise Skipped("random weights, start and end lie on one line")
    second = second / height
    corners = np.array([[0.0, 0.0], [length, 0.0], [along, height]])
    for kind, (x, y) in zip(POINTS, corners, strict=True):
        yield _row(context, kind, None, x, y, origin + x * first + y * second)
    for t in np.linspace(0, 2, 2 * options.path - 1):
        x, y = (
            corners[0] + t * (corners[1] - corners[0]) if t <= 1 else corners[1] + (t - 1) * (corners[2] - corners[1])
        )
        yield _row(context, "path", t, x, y, origin + x * first + y * second)
    low, high = corners.min(axis=0), corners.max(axis=0)
    room = options.margin * (high - low)
    for y in np.linspace(low[1] - room[1], high[1] + room[1], options.plane):
        for x in np.linspace(low[0] - room[0], high[0] + room[0], options.plane):
            yield _row(context, "plane", None, x, y, origin + x * first + y * second)


def _row(
    context: Context, kind: str, position: float | None, x: float, y: float, vector: np.ndarray
) -> dict[str, object]:
    model = context.network.model
    load_weights(model, _as_weights(vector, context.end), Path("weights"))
    recompute_statistics(model, statistics_batches(context.train.images))
    (train_loss, train_accuracy), (test_loss, test_accuracy) = (
        _measure(context, s) for s in (context.train, context.test)
    )
    return dict(zip(COLUMNS, (kind, position, x, y, train_loss, train_accuracy, test_loss, test_accuracy), strict=True))


def _measure(context: Context, sample: Sample) -> tuple[float | None, float]:
    logits = context.network.logits(sample.images)
    right = (logits.argmax(dim=1) == sample.labels).double().mean()
    loss = float(cross_entropy(logits, sample.labels))
    return (loss if math.isfinite(loss) else None), float(right)


def _as_weights(vector: np.ndarray, like: Weights) -> Weights:
    """A vector of all parameters as the tensors of a network; buffers are taken from ``like``."""
    sizes = [array.size for array in like.parameters.values()]
    pieces = np.split(vector, np.cumsum(sizes)[:-1])
    return Weights(
        {
            name: piece.reshape(array.shape).astype(array.dtype)
            for (name, array), piece in zip(like.parameters.items(), pieces, strict=True)
        },
        like.buffers,
    )

"""The loss around a bad minimum: the path random -> adversarial -> end, and the plane through the three points."""

import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from itertools import chain

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from badminima.config.options import LandscapeOptions
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.network import Network, Sample, renew_statistics, set_parameters, statistics_batch

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
    network = replace(context.network, model=deepcopy(context.network.model))
    axes = [torch.from_numpy(vector).to(network.device) for vector in (origin, first, second)]
    sizes, batch = [parameter.numel() for parameter in network.model.parameters()], statistics_batch(network.device)

    def row(kind: str, position: float | None, x: float, y: float) -> dict[str, object]:
        vector = axes[0] + float(x) * axes[1] + float(y) * axes[2]
        set_parameters(network.model, torch.split(vector, sizes))
        renew_statistics(network.model, context.train.images, batch)
        values = (loss_and_accuracy(network, sample) for sample in (context.train, context.test))
        return dict(zip(COLUMNS, (kind, position, x, y, *chain(*values)), strict=True))

    for kind, (x, y) in zip(POINTS, corners, strict=True):
        yield row(kind, None, x, y)
    for t in np.linspace(0, 2, 2 * options.path - 1):
        x, y = (
            corners[0] + t * (corners[1] - corners[0]) if t <= 1 else corners[1] + (t - 1) * (corners[2] - corners[1])
        )
        yield row("path", t, x, y)
    low, high = corners.min(axis=0), corners.max(axis=0)
    room = options.margin * (high - low)
    for y in np.linspace(low[1] - room[1], high[1] + room[1], options.plane):
        for x in np.linspace(low[0] - room[0], high[0] + room[0], options.plane):
            yield row("plane", None, x, y)


def loss_and_accuracy(network: Network, sample: Sample) -> tuple[float | None, float]:
    """Return the mean cross entropy in nats, None where it overflows, and the accuracy of a network on a sample."""
    logits = network.logits(sample.images)
    right = (logits.argmax(dim=1) == sample.labels).double().mean()
    loss = float(cross_entropy(logits, sample.labels))
    return (loss if math.isfinite(loss) else None), float(right)

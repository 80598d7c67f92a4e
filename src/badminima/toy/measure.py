"""Measure the toy's networks: their boundaries, the rows of ``toy.csv``, and what changes along their runs.

Names and definitions of the last are those of :mod:`badminima.diagnostics`, with all training points for a sample of
images. The toy has one logit and a sigmoid in place of a softmax, so the tangent kernel is that of this logit.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from contourpy import contour_generator
from scipy.special import entr, expit

from badminima.config import ToyConfig
from badminima.toy.data import ToyData, ToyNetworks
from badminima.toy.network import Layers, accuracy, cross_entropy, logits, vectors

SIDES = 5  # standard deviations around the blobs that the window shows
RESOLUTION = 0.01  # distance of the grid's points
KEPT = 25  # steps of each run that are measured, at most


class Window:
    """The part of the plane that figures show: a grid of points around both blobs.

    Args:
        config: where the blobs are.
        resolution: distance of the grid's points.

    Attributes:
        x, y: the grid's coordinates, ``[w]`` and ``[h]``.
        truth: where the right class is the better guess, ``[w] bool``: by symmetry, on the right of the center.
    """

    def __init__(self, config: ToyConfig, resolution: float = RESOLUTION) -> None:
        width = abs(config.separation) + SIDES * config.spread
        height = SIDES * config.spread
        self.x, self.y = (
            np.linspace(config.center - half, config.center + half, 1 + round(2 * half / resolution), dtype=np.float32)
            for half in (width, height)
        )
        self.truth = (self.x > config.center) == (config.separation > 0)

    @property
    def height(self) -> float:
        """Length of a straight boundary from top to bottom."""
        return float(self.y[-1] - self.y[0])

    def outputs(self, layers: Layers) -> np.ndarray:
        """Logits of a stack of networks on the grid, ``[s, h, w]``."""
        points = np.stack(np.meshgrid(self.x, self.y), axis=-1).reshape(-1, 2)
        # One network after another: the grid is large, the stack may be too.
        values = [logits([layer[one : one + 1] for layer in layers], points) for one in range(len(layers[0]))]
        return np.reshape(values, (-1, len(self.y), len(self.x)))

    def boundary(self, outputs: np.ndarray) -> list[np.ndarray]:
        """Return the lines on which one network's logits ``[h, w]`` are zero, each ``[points, 2]``."""
        lines = contour_generator(self.x, self.y, outputs).lines(0.0)
        return [np.asarray(line) for line in lines]

    def boundary_length(self, outputs: np.ndarray) -> float:
        """Length of the boundary of logits ``[h, w]`` in heights of the window: 1 for a vertical line."""
        lengths = [np.linalg.norm(np.diff(line, axis=0), axis=1).sum() for line in self.boundary(outputs)]
        return float(sum(lengths)) / self.height

    def error(self, outputs: np.ndarray) -> float:
        """Return the fraction of the window where logits ``[h, w]`` and the better guess differ."""
        return float(np.mean((outputs > 0) != self.truth))


def rows(networks: ToyNetworks) -> Iterator[dict[str, Any]]:
    """Yield a row per stage and seed.

    Accuracies are fractions; ``train_loss`` is on the labels that the phase trains on, without augmentation;
    ``distance`` is relative to the norm of the init; the last two columns are ``Window``'s.
    """
    data, config, window = networks.data, networks.config, Window(networks.config)
    starts = {stage.run: vectors(stage.layers) for stage in networks.stages if stage.phase != "training"}
    for stage in networks.stages:
        layers, pretraining = stage.layers, stage.phase == "pretraining"
        fitted = accuracy(layers, data.train_points, data.train_labels)
        memorised = accuracy(layers, data.train_points, data.random_labels)
        reached = memorised >= config.pretraining.target_accuracy if pretraining else fitted >= 1
        status = np.where(reached, "converged", "max_epochs")
        weights, start, outputs = vectors(layers), starts[stage.init], window.outputs(layers)
        status[~np.isfinite(weights).all(axis=1)] = "diverged"
        labels = data.random_labels if pretraining else data.train_labels
        pairs = list(zip(weights, start, strict=True))
        columns = {
            **{key: [getattr(stage, key)] * len(weights) for key in ("phase", "run", "init")},
            "seed": config.seeds,
            "epochs": stage.epochs,
            "status": np.full_like(status, "") if stage.phase == "start" else status,
            "train_accuracy": fitted,
            "test_accuracy": accuracy(layers, data.test_points, data.test_labels),
            "random_label_accuracy": memorised,
            "train_loss": cross_entropy(logits(layers, data.train_points), labels),
            "norm": [np.linalg.norm(end) for end in weights],
            "distance": [np.linalg.norm(end - begin) / np.linalg.norm(begin) for end, begin in pairs],
            "boundary_length": [window.boundary_length(one) for one in outputs],
            "window_error": [window.error(one) for one in outputs],
        }
        yield from (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))


class PathMeter:
    """Measures the networks of a run beside those that it started from.

    Args:
        start: the stack of ``s`` networks.
        data: their points, stacked.
    """

    def __init__(self, start: Layers, data: ToyData) -> None:
        self.data = data
        self._start = vectors(start)
        with np.errstate(all="ignore"):
            self._kernel = Derivatives(start, data.train_points).kernel

    def measure(self, layers: Layers) -> dict[str, np.ndarray]:
        """Return each measure of a stack, ``[s]``; NaN for a network whose weights are not finite.

        - ``train_accuracy``, ``test_accuracy``: on the true labels.
        - ``memory.confusing_accuracy``: on the random labels that pretraining fits.
        - ``gradients.coherence``: m-coherence of the points' gradients of the cross entropy.
        - ``gradients.kernel_alignment``: centered alignment of the tangent kernel with the labels.
        - ``gradients.kernel_distance``: 1 minus the cosine of the tangent kernel and the start's.
        - ``units.effective_rank``: of the last hidden layer's outputs, means removed.
        - ``units.dead``: share of hidden units that are zero on every training point.
        - ``norm.end``: of all weights and biases.
        - ``distance.angle``: between the weights and the start's, in degrees.
        - ``trace.hessian``: trace of the Hessian of the training loss (:func:`hessian_trace`).
        """
        data = self.data
        weights = vectors(layers)
        finite = np.isfinite(weights).all(axis=1)
        sound = [np.where(finite[:, None, None], layer, 0) for layer in layers]
        with np.errstate(all="ignore"):  # what has no value is NaN
            found = Derivatives(sound, data.train_points)
            measured = {
                "train_accuracy": accuracy(sound, data.train_points, data.train_labels),
                "test_accuracy": accuracy(sound, data.test_points, data.test_labels),
                "memory.confusing_accuracy": accuracy(sound, data.train_points, data.random_labels),
                "gradients.coherence": coherence(found.kernel, found.outputs, data.train_labels),
                "gradients.kernel_alignment": alignment(found.kernel, data.train_labels),
                "gradients.kernel_distance": 1 - _cosine(found.kernel, self._kernel),
                "units.effective_rank": effective_rank(found.hidden[-1]),
                "units.dead": np.concatenate([layer.max(axis=1) <= 0 for layer in found.hidden], axis=1).mean(axis=1),
                "norm.end": np.linalg.norm(weights, axis=1),
                "distance.angle": _angle(self._start, weights),
                "trace.hessian": hessian_trace(found.kernel, found.outputs),
            }
        return {name: np.where(finite, values, np.nan) for name, values in measured.items()}


class Derivatives:
    """Outputs of a stack at points, and the tangent kernel of its logit, in double precision.

    Args:
        layers: the stack of ``s`` networks.
        points: ``[s, n, 2]``.

    Attributes:
        outputs: logits, ``[s, n]``.
        hidden: outputs of each hidden layer, ``[s, n, units]``.
        kernel: inner products of the points' gradients of the logit by all weights, ``[s, n, n]``.
    """

    def __init__(self, layers: Layers, points: np.ndarray) -> None:
        exact = [layer.astype(np.float64) for layer in layers]
        values, inputs = points.astype(np.float64), []
        for position, layer in enumerate(exact):
            inputs.append(np.concatenate([values, np.ones_like(values[..., :1])], axis=-1))
            values = inputs[-1] @ layer
            if position < len(exact) - 1:
                values = np.maximum(values, 0)
        self.outputs = values[..., 0]
        self.hidden = [given[..., :-1] for given in inputs[1:]]
        # The gradient by a layer is the outer product of its input and of the logit's slope by its output.
        slopes = np.ones_like(values)
        self.kernel = _gram(inputs[-1]) * _gram(slopes)
        for layer, active, given in zip(exact[:0:-1], self.hidden[::-1], inputs[-2::-1], strict=True):
            slopes = (slopes @ layer[:, :-1].swapaxes(1, 2)) * (active > 0)
            self.kernel += _gram(given) * _gram(slopes)


def coherence(kernel: np.ndarray, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the m-coherence of the points' gradients of the cross entropy, ``[s]``; NaN if all are zero.

    Args:
        kernel: of the logit, ``[s, n, n]``.
        outputs: logits, ``[s, n]``.
        labels: 0 or 1, ``[s, n]``.
    """
    # The slope of the loss by the logit, sigmoid minus label, without the cancellation of a fitted point.
    signs = 2.0 * labels - 1
    slopes = -signs * expit(-signs * outputs)
    products = kernel * slopes[:, :, None] * slopes[:, None, :]
    return products.sum(axis=(1, 2)) / np.trace(products, axis1=1, axis2=2)


def alignment(kernel: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the cosine of a kernel ``[s, n, n]`` and that of the labels ``[s, n]``, means removed, ``[s]``."""
    same = (labels[:, :, None] == labels[:, None, :]).astype(np.float64)
    return _cosine(_centered(kernel), _centered(same))


def hessian_trace(kernel: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return the trace of the Hessian of the mean cross entropy, ``[s]``, in closed form.

    It is the mean over points of ``p (1 - p) |J|^2``, with ``p`` the sigmoid of the logit and ``J`` its gradient. The
    other part of the trace, ``(p - y)`` times the sum of the logit's second derivatives by each single weight, is zero:
    in a network of ReLUs the logit is linear in any one weight, almost everywhere.

    Args:
        kernel: of the logit, ``[s, n, n]``; its diagonal holds ``|J|^2``.
        outputs: logits, ``[s, n]``.
    """
    squares = np.diagonal(kernel, axis1=1, axis2=2)
    return np.mean(expit(outputs) * expit(-outputs) * squares, axis=1)


def effective_rank(features: np.ndarray) -> np.ndarray:
    """Return the effective rank of features ``[s, n, p]`` with their means over points removed, ``[s]``.

    ``exp(-sum q log q)`` of the shares ``q`` of the singular values; those below single precision's rounding of the
    features count as zero. NaN if none is left.
    """
    values = np.linalg.svd(features - features.mean(axis=1, keepdims=True), compute_uv=False)
    rounding = np.finfo(np.float32).eps * np.linalg.norm(features, axis=(1, 2))
    values = np.where(values > rounding[:, None], values, 0)
    return np.exp(entr(values / values.sum(axis=1, keepdims=True)).sum(axis=1))


def _gram(rows: np.ndarray) -> np.ndarray:
    """Return the inner products of rows ``[s, n, k]``, ``[s, n, n]``."""
    return rows @ rows.swapaxes(1, 2)


def _centered(kernel: np.ndarray) -> np.ndarray:
    means = kernel.mean(axis=1, keepdims=True) + kernel.mean(axis=2, keepdims=True)
    return kernel - means + kernel.mean(axis=(1, 2), keepdims=True)


def _cosine(kernel: np.ndarray, other: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(kernel, axis=(1, 2)) * np.linalg.norm(other, axis=(1, 2))
    return (kernel * other).sum(axis=(1, 2)) / norms


def _angle(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the angles between vectors ``[s, k]`` in degrees, ``[s]``, exact for small ones too."""
    one, other = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (first, second))
    apart, together = (np.linalg.norm(vectors, axis=1) for vectors in (one - other, one + other))
    return np.degrees(2 * np.arctan2(apart, together))

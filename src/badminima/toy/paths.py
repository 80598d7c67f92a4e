"""Measure the toy's networks along their runs: the candidate causes that ``fig_mechanism`` has, here without sampling.

Names and definitions are those of :mod:`badminima.diagnostics`, with all training points for a sample of images. The
toy has one logit and a sigmoid in place of a softmax, so the tangent kernel is that of this logit.
"""

import numpy as np
from scipy.special import entr, expit

from badminima.toy.data import ToyData
from badminima.toy.network import Layers, vectors
from badminima.toy.training import accuracy

KEPT = 25  # steps of each run that are measured, at most
MEASURES = [
    *("train_accuracy", "test_accuracy", "memory.confusing_accuracy"),
    *("gradients.coherence", "gradients.kernel_alignment", "gradients.kernel_distance"),
    *("units.effective_rank", "units.dead", "norm.end", "distance.angle", "trace.hessian"),
]
COLUMNS = ["run", "init", "seed", "step", "epoch", "lr", *MEASURES]


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
    found: np.ndarray = products.sum(axis=(1, 2)) / np.trace(products, axis1=1, axis2=2)
    return found


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
    found: np.ndarray = np.mean(expit(outputs) * expit(-outputs) * squares, axis=1)
    return found


def effective_rank(features: np.ndarray) -> np.ndarray:
    """Return the effective rank of features ``[s, n, p]`` with their means over points removed, ``[s]``.

    ``exp(-sum q log q)`` of the shares ``q`` of the singular values; those below single precision's rounding of the
    features count as zero. NaN if none is left.
    """
    values = np.linalg.svd(features - features.mean(axis=1, keepdims=True), compute_uv=False)
    rounding = np.finfo(np.float32).eps * np.linalg.norm(features, axis=(1, 2))
    values = np.where(values > rounding[:, None], values, 0)
    found: np.ndarray = np.exp(entr(values / values.sum(axis=1, keepdims=True)).sum(axis=1))
    return found


def _gram(rows: np.ndarray) -> np.ndarray:
    """Return the inner products of rows ``[s, n, k]``, ``[s, n, n]``."""
    found: np.ndarray = rows @ rows.swapaxes(1, 2)
    return found


def _centered(kernel: np.ndarray) -> np.ndarray:
    means = kernel.mean(axis=1, keepdims=True) + kernel.mean(axis=2, keepdims=True)
    found: np.ndarray = kernel - means + kernel.mean(axis=(1, 2), keepdims=True)
    return found


def _cosine(kernel: np.ndarray, other: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(kernel, axis=(1, 2)) * np.linalg.norm(other, axis=(1, 2))
    found: np.ndarray = (kernel * other).sum(axis=(1, 2)) / norms
    return found


def _angle(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the angles between vectors ``[s, k]`` in degrees, ``[s]``, exact for small ones too."""
    one, other = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (first, second))
    apart, together = (np.linalg.norm(vectors, axis=1) for vectors in (one - other, one + other))
    found: np.ndarray = np.degrees(2 * np.arctan2(apart, together))
    return found

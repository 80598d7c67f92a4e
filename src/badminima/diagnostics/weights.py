"""The weights of a run: how far they travelled, their norms, and what the first ones compute."""

import numpy as np

from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.network import build_network
from badminima.experiment.measured import of_tensor
from badminima.models.starts import loss, spread, training_logits


def distance(context: Context) -> dict[str, float]:
    """Distance between start ``w0`` and end ``w``, over parameters alone (no BatchNorm statistics).

    - ``distance.total``: Frobenius norm ``|w - w0|``.
    - ``distance.relative``: ``|w - w0| / |w0|``, the paper's distance of travel.
    - ``distance.angle``: the angle between ``w0`` and ``w`` in degrees. Weight decay shrinks all weights, which
      counts as distance; the angle is blind to a common scale.
    - ``distance.cosine``: the cosine of that angle.
    - ``distance.random_to_start``, ``distance.random_to_end``: ``|w0 - v|`` and ``|w - v|`` where the start was
      pretrained from random weights ``v``; ``.._relative``: the same over ``|v|``.
    - ``distance.total@tensor``, ``distance.relative@tensor``: the same for one tensor; relative is NaN where the
      tensor started at zero.
    """
    start, end = context.start, context.end
    first, last = start.vector(), end.vector()
    measured = {"distance.total": float(np.linalg.norm(last - first)), "distance.angle": angle(first, last)}
    measured["distance.cosine"] = float(np.cos(np.radians(measured["distance.angle"])))
    measured["distance.relative"] = _ratio(measured["distance.total"], float(np.linalg.norm(first)))
    if context.random is not None:
        origin = context.random.vector()
        for name, vector in (("start", first), ("end", last)):
            travelled = float(np.linalg.norm(vector - origin))
            measured[f"distance.random_to_{name}"] = travelled
            measured[f"distance.random_to_{name}_relative"] = _ratio(travelled, float(np.linalg.norm(origin)))
    for name, tensor in start.parameters.items():
        before = tensor.astype(np.float64)
        travelled = float(np.linalg.norm(end.parameters[name] - before))
        measured[of_tensor("distance.total", name)] = travelled
        measured[of_tensor("distance.relative", name)] = _ratio(travelled, float(np.linalg.norm(before)))
    return measured


def angle(first: np.ndarray, second: np.ndarray) -> float:
    """Angle between two vectors in degrees, 0 to 180; NaN if one is zero or not finite.

    ``2 atan2(|a - b|, |a + b|)`` of the unit vectors: exact for small angles, where the arc cosine is not.
    """
    norms = np.linalg.norm(first), np.linalg.norm(second)
    if not np.all(np.isfinite(norms)) or min(norms) == 0:
        return float("nan")
    a, b = first / norms[0], second / norms[1]
    return float(np.degrees(2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))))


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else float("nan")


def norms(context: Context) -> dict[str, float]:
    """Frobenius norms over parameters alone (no BatchNorm statistics).

    - ``norm.start``, ``norm.end``: of all parameters together.
    - ``norm.end@tensor``: of one tensor at the end.
    """
    measured = {
        "norm.start": float(np.linalg.norm(context.start.vector())),
        "norm.end": float(np.linalg.norm(context.end.vector())),
    }
    for name, tensor in context.end.parameters.items():
        measured[of_tensor("norm.end", name)] = float(np.linalg.norm(tensor.astype(np.float64)))
    return measured


def start_loss(context: Context) -> dict[str, float]:
    """Loss and logits of the start, on at most 1,000 training images with their true labels.

    BatchNorm's statistics are those of these images (:func:`badminima.models.starts.training_logits`).

    - ``start.loss``: mean cross entropy in nats; ``log(classes)`` where all logits are equal.
    - ``start.logit_spread``: standard deviation of the logits over images and classes together.

    Raises:
        Skipped: if the start's weights are not finite.
    """
    if not context.start.is_finite():
        raise Skipped("the start's weights are not finite")
    network = build_network(context.settings, context.data, context.start)
    logits, labels = training_logits(network.model, context.data, network.device)
    return {"start.loss": loss(logits, labels), "start.logit_spread": spread(logits)}

"""Stage ``rescale``: weights of one init at the scale of another."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn

from badminima.data.prepared import PreparedDataset
from badminima.errors import UserError
from badminima.experiment.settings import RescaleSettings
from badminima.models.build import last_linear
from badminima.models.outputs import spread, training_logits
from badminima.models.trained import trained_network
from badminima.models.weights import Weights, weights_of


def rescale(settings: RescaleSettings, start: Weights, like: Weights, dataset: PreparedDataset) -> Weights:
    """Weights in the direction of some, at the scale of others: the control for scale.

    First the norms (``settings.norms``, see :func:`with_norms`). Then, with ``settings.logits``, weight and bias of
    the last linear layer are multiplied by one number, so that the logits have the spread that those of ``like``
    have: their standard deviation over training images and classes (:func:`badminima.models.outputs.training_logits`,
    a forward pass in evaluation mode, on the CPU). Logits are linear in that layer, so the spread is met exactly.

    BatchNorm's running statistics are computed anew on these training images, whatever is matched: those of ``start``
    are of its own scale. The spread of ``like`` is taken with statistics computed the same way.

    Args:
        settings: the model, and what is matched.
        start: weights whose directions are kept.
        like: weights whose scale is taken.
        dataset: the prepared dataset, as torch tensors.

    Raises:
        UserError: if the network has no linear layer, or logits that do not vary.
    """

    def network_of(weights: Weights, name: str) -> nn.Module:
        return trained_network(settings.model, dataset.image_shape, len(dataset.classes), weights, Path(name))

    device = torch.device("cpu")
    network = network_of(with_norms(start, like, settings.norms), "start")
    spread_of_start = spread(training_logits(network, dataset, device)[0])
    if settings.logits:
        spread_of_like = spread(training_logits(network_of(like, "like"), dataset, device)[0])
        if not 0 < spread_of_start < np.inf or not 0 < spread_of_like < np.inf:
            found = f"logits with a spread of {spread_of_start:g}, to become {spread_of_like:g}"
            raise UserError("rescale", found, "expected finite positive numbers; set logits: false for this init")
        with torch.no_grad():
            for parameter in last_linear(network).parameters():
                parameter.mul_(spread_of_like / spread_of_start)
    return weights_of(network)


def with_norms(start: Weights, like: Weights, norms: Literal["tensors", "total", "kept"]) -> Weights:
    """Multiply weights so that they have the Frobenius norms of others.

    ``tensors``: each parameter tensor becomes ``start * |like| / |start|``. A tensor of zeros has no direction and
    stays zero. ``total``: all are multiplied by the one ratio of the norms over all tensors. ``kept``: none is.
    """

    def norm(*tensors: np.ndarray) -> float:
        return float(np.linalg.norm([np.linalg.norm(tensor.astype(np.float64)) for tensor in tensors]))

    common = norm(*like.parameters.values()) / norm(*start.parameters.values()) if norms == "total" else 1.0
    parameters = {}
    for name, tensor in start.parameters.items():
        factor = common
        if norms == "tensors" and norm(tensor) > 0:
            factor = norm(like.parameters[name]) / norm(tensor)
        parameters[name] = (tensor * factor).astype(tensor.dtype)
    return Weights(parameters, start.buffers)

"""The weights that runs start from: stages ``initialize`` and ``rescale``, and shrink-and-perturb."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from badminima.config import ModelConfig
from badminima.data.items import network_inputs
from badminima.data.prepared import PreparedDataset
from badminima.errors import UserError
from badminima.experiment.settings import InitializeSettings, RescaleSettings
from badminima.models.batchnorm import recompute_statistics, statistics_batches
from badminima.models.build import build_model, check_batch, last_linear, trained_network
from badminima.models.weights import Weights, weights_of
from badminima.seeding import integer_seed

# Training images that outputs are computed of, at most, and at a time. BatchNorm statistics depend on the second.
IMAGES, BATCH = 1000, 250


def initialize(settings: InitializeSettings, dataset: PreparedDataset) -> Weights:
    """Random weights, as the architecture draws them, times the gain.

    The gain multiplies convolution kernels and weight matrices; biases and BatchNorm's parameters stay as drawn.
    A kernel with a BatchNorm after it computes the same at any scale, and has its effective learning rate divided by
    ``gain ** 2``; the classifier's matrix, which has none, makes the logits larger.

    Args:
        settings: the model, gain and seeds.
        dataset: gives the shape of images and the number of classes.

    Raises:
        UserError: if the model cannot take images of this shape.
    """
    seed = integer_seed(settings.root_seed, "initialize", settings.dataset, settings.model_name, settings.seed)
    model = draw(settings.model, dataset, seed)
    check_batch(model, dataset.image_shape, 2, f"model {settings.model_name} on {settings.dataset}")
    weights = weights_of(model)
    parameters = {
        name: tensor * np.float32(settings.gain) if tensor.ndim > 1 else tensor
        for name, tensor in weights.parameters.items()
    }
    return Weights(parameters, weights.buffers)


def draw(model: ModelConfig, dataset: PreparedDataset, seed: int) -> nn.Module:
    """Build a network with the random weights that its architecture draws; torch's random numbers stay."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_model(model, dataset.image_shape, len(dataset.classes))


def shrink_and_perturb(start: Weights, fresh: Weights, shrink: float, perturb: float) -> Weights:
    """``shrink * start + perturb * fresh`` (Ash & Adams 2020, arXiv 1910.08475, section 5), as their code has it.

    The noise is a network's fresh random weights, so that each kind of tensor gets its own. It acts on every parameter:
    a bias that is drawn as zero only shrinks, and BatchNorm's scale becomes ``shrink * scale + perturb``. BatchNorm's
    running statistics are the fresh network's (mean 0, variance 1), since the old ones are of other activations.
    """
    parameters = {name: shrink * tensor + perturb * fresh.parameters[name] for name, tensor in start.parameters.items()}
    return Weights(parameters, fresh.buffers)


def rescale(settings: RescaleSettings, start: Weights, like: Weights, dataset: PreparedDataset) -> Weights:
    """Weights in the direction of some, at the scale of others: the control for scale.

    First the norms (``settings.norms``, see :func:`with_norms`). Then, with ``settings.logits``, weight and bias of
    the last linear layer are multiplied by one number, so that the logits have the spread that those of ``like``
    have: their standard deviation over training images and classes (:func:`badminima.models.starts.training_logits`,
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


def training_logits(model: nn.Module, dataset: PreparedDataset, device: torch.device) -> tuple[Tensor, Tensor]:
    """Compute the logits of training images, at most 1,000 of them, evenly spaced.

    In evaluation mode, after BatchNorm's running statistics were computed anew on the same images: those that random
    weights are drawn with are of no images at all, and those that a pretraining leaves are of copies with values
    zeroed. Without BatchNorm nothing of the network changes.

    Args:
        model: the network, on the device; keeps the new statistics, and is left in evaluation mode.
        dataset: the prepared dataset, as torch tensors.
        device: where the network lives.

    Returns:
        Logits ``[n, classes] float32`` and true labels ``[n]``.
    """
    count = min(IMAGES, len(dataset.train_labels))
    chosen = torch.arange(count) * len(dataset.train_labels) // count
    images = network_inputs(dataset.train_images[chosen].to(device), dataset.mean, dataset.std)
    recompute_statistics(model, statistics_batches(images, BATCH))
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(part) for part in torch.split(images, BATCH)])
    return logits, dataset.train_labels[chosen].to(device)


def spread(logits: Tensor) -> float:
    """Return the standard deviation of logits ``[n, classes]`` over images and classes together."""
    return float(logits.double().std(correction=0))


def loss(logits: Tensor, labels: Tensor) -> float:
    """Return the mean cross entropy in nats."""
    return float(cross_entropy(logits.double(), labels))

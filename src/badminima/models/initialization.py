"""Stages ``initialize`` and ``rescale``: the weights that runs start from."""

from typing import TYPE_CHECKING

import numpy as np

from badminima.models.weights import Weights, weights_of
from badminima.seeding import integer_seed
from badminima.settings import InitializeSettings

if TYPE_CHECKING:
    from badminima.data.prepared import PreparedDataset


def initialize(settings: InitializeSettings, dataset: "PreparedDataset") -> Weights:
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
    import torch

    from badminima.models.build import build_model, check_batch

    seed = integer_seed(settings.root_seed, "initialize", settings.dataset, settings.model_name, settings.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model(settings.model, dataset.image_shape, len(dataset.classes))
        check_batch(model, dataset.image_shape, 2, f"model {settings.model_name} on {settings.dataset}")
        weights = weights_of(model)
    parameters = {
        name: tensor * np.float32(settings.gain) if tensor.ndim > 1 else tensor
        for name, tensor in weights.parameters.items()
    }
    return Weights(parameters, weights.buffers)


def rescale(random: Weights, like: Weights) -> Weights:
    """Random weights with another init's norms, tensor by tensor: the control for mere scale.

    Each parameter tensor becomes ``random * |like| / |random|`` (Frobenius norms). A tensor of zeros has no
    direction and stays zero; buffers stay those of the random init.
    """
    parameters = {}
    for name, tensor in random.parameters.items():
        norm = np.linalg.norm(tensor.astype(np.float64))
        factor = np.linalg.norm(like.parameters[name].astype(np.float64)) / norm if norm > 0 else 1.0
        parameters[name] = (tensor * factor).astype(tensor.dtype)
    return Weights(parameters, random.buffers)

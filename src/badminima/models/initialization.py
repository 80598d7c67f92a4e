"""Stages ``initialize`` and ``rescale``: the weights that runs start from."""

from typing import TYPE_CHECKING

import numpy as np

from badminima.models.weights import Weights, weights_of
from badminima.runs import InitializeSettings
from badminima.seeding import integer_seed

if TYPE_CHECKING:
    from badminima.data.prepared import PreparedDataset


def initialize(settings: InitializeSettings, dataset: "PreparedDataset") -> Weights:
    """Random weights, as the architecture draws them.

    Args:
        settings: the model and seeds.
        dataset: gives the shape of images and the number of classes.
    """
    import torch

    from badminima.models.build import build_model

    seed = integer_seed(settings.root_seed, "initialize", settings.dataset, settings.model_name, settings.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return weights_of(build_model(settings.model, dataset.image_shape, len(dataset.classes)))


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

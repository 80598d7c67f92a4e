"""Stage ``initialize``, and shrink-and-perturb: the weights that runs start from."""

from typing import TYPE_CHECKING

import numpy as np

from badminima.config import ModelConfig
from badminima.experiment.settings import InitializeSettings
from badminima.models.weights import Weights, weights_of
from badminima.seeding import integer_seed

if TYPE_CHECKING:
    from torch import nn

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
    from badminima.models.build import check_batch

    seed = integer_seed(settings.root_seed, "initialize", settings.dataset, settings.model_name, settings.seed)
    model = draw(settings.model, dataset, seed)
    check_batch(model, dataset.image_shape, 2, f"model {settings.model_name} on {settings.dataset}")
    weights = weights_of(model)
    parameters = {
        name: tensor * np.float32(settings.gain) if tensor.ndim > 1 else tensor
        for name, tensor in weights.parameters.items()
    }
    return Weights(parameters, weights.buffers)


def draw(model: ModelConfig, dataset: "PreparedDataset", seed: int) -> "nn.Module":
    """Build a network with the random weights that its architecture draws; torch's random numbers stay."""
    import torch

    from badminima.models.build import build_model

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

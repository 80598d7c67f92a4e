"""A trained network, ready for use."""

from pathlib import Path

import torch
from torch import nn

from badminima.config import ModelConfig
from badminima.models.build import build_model
from badminima.models.weights import Weights, load_weights


def trained_network(
    model: ModelConfig, image_shape: tuple[int, int, int], classes: int, weights: Weights, where: Path
) -> nn.Module:
    """A network with given weights, in evaluation mode, on the CPU; torch's random numbers stay as they were.

    Args:
        model: architecture and options.
        image_shape: ``(c, h, w)`` of the input.
        classes: number of outputs.
        weights: its state.
        where: the file they come from, for the message.

    Returns:
        A module that maps ``[b, c, h, w]`` normalized images to logits ``[b, classes]``.

    Raises:
        UserError: if there is no code for the architecture, or the weights are another network's.
    """
    with torch.random.fork_rng(devices=[]):  # the weights that are drawn here are replaced
        network = build_model(model, image_shape, classes)
    load_weights(network, weights, where)
    # The memory order that trainings use: sums are rounded in its order.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch does not annotate it
    return network.eval()

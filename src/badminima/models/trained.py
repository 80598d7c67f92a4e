"""A trained network, ready for use."""

from pathlib import Path

import torch
from torch import nn

from badminima.config import ModelConfig
from badminima.errors import UserError
from badminima.models.build import build_model
from badminima.models.weights import Weights, load_weights


def trained_network(
    model: ModelConfig, image_shape: tuple[int, int, int], classes: int, weights: Weights, where: Path
) -> nn.Module:
    """Return a network with given weights, in evaluation mode, on the CPU; torch's random numbers stay as they were.

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
    _require_shapes(model, image_shape, classes, weights, where)
    with torch.random.fork_rng(devices=[]):  # the weights that are drawn here are replaced
        network = build_model(model, image_shape, classes)
    load_weights(network, weights, where)
    # The memory order that trainings use: sums are rounded in its order.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch does not annotate it
    return network.eval()


def _require_shapes(
    model: ModelConfig, image_shape: tuple[int, int, int], classes: int, weights: Weights, where: Path
) -> None:
    """Compare shapes before there is memory for them: what a damaged file asks for may not fit into any.

    Raises:
        UserError: if the network cannot be built, or the weights are another one's.
    """
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            network = build_model(model, image_shape, classes)
    except (RuntimeError, ValueError, TypeError, ArithmeticError) as error:
        found = f"a network that cannot be built ({' '.join(str(error).split())})"
        raise UserError(where, found, "expected another architecture, or other options of it") from None
    stated = {name: array.shape for name, array in {**weights.parameters, **weights.buffers}.items()}
    if stated != {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}:
        raise UserError(where, "weights of another network", "expected those of the configured model and dataset")

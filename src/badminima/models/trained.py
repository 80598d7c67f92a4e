"""A trained network, ready for use: its weights in it, and images as it takes them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from badminima.config import ModelConfig
from badminima.errors import UserError
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


def network_inputs(images: Tensor | np.ndarray, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Images as networks take them, computed as trainings compute it: ``(images - 255 mean) / (255 std)``.

    Args:
        images: ``[n, c, h, w] uint8``.
        mean, std: per channel, of the training images on the scale 0..1.

    Returns:
        ``[n, c, h, w] float32``, channels last in memory.

    Raises:
        UserError: if the images are no bytes, or have another number of channels.
    """
    raw = torch.as_tensor(images)
    if raw.dtype != torch.uint8 or raw.ndim != 4 or raw.shape[1] != len(mean):
        shape = "x".join(str(side) for side in raw.shape)
        raise UserError(
            "images", f"{str(raw.dtype).removeprefix('torch.')} {shape}", f"expected uint8 n x {len(mean)} x h x w"
        )
    scaled_mean, scaled_std = (255 * torch.tensor(values).view(-1, 1, 1) for values in (mean, std))
    normalized = raw.to(torch.float32).sub_(scaled_mean).div_(scaled_std)
    return normalized.contiguous(memory_format=torch.channels_last)

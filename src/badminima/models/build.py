"""Building a network by its name in the registry."""

from torch import nn

from badminima.config import ModelConfig
from badminima.registry import ARCHITECTURES


def build_model(model: ModelConfig, image_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Build a network with freshly drawn weights (from torch's global generator).

    Args:
        model: architecture and options.
        image_shape: ``(c, h, w)`` of the input.
        classes: number of outputs.

    Returns:
        A module that maps ``[b, c, h, w]`` floats to logits ``[b, classes]``.

    Raises:
        UserError: if there is no code for the architecture.
    """
    builder = ARCHITECTURES.load(model.architecture)
    options = {**ARCHITECTURES.entry(model.architecture).options, **model.options}
    network: nn.Module = builder(image_shape, classes, **options)
    return network

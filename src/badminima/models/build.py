"""Building a network by its name in the registry, and whether it can take what it will be given."""

from copy import deepcopy

import torch
from torch import nn

from badminima.config import ModelConfig
from badminima.config.base import parse
from badminima.config.registry import ARCHITECTURES
from badminima.errors import UserError


def build_model(model: ModelConfig, image_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Build a network with freshly drawn weights (from torch's global generator).

    Args:
        model: architecture and options.
        image_shape: ``(c, h, w)`` of the input.
        classes: number of outputs.

    Returns:
        A module that maps ``[b, c, h, w]`` floats to logits ``[b, classes]``.

    Raises:
        UserError: if there is no code for the architecture, or an option is wrong.
    """
    builder = ARCHITECTURES.load(model.architecture)
    options = parse(ARCHITECTURES.entry(model.architecture).options, model.options, "model.options.")
    network: nn.Module = builder(image_shape, classes, **dict(options))
    return network


def last_linear(model: nn.Module) -> nn.Linear:
    """Return the classifier of a network: its last linear layer; raises UserError if it has none."""
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise UserError("network", "one without a linear layer", "expected a linear classifier")
    return layers[-1]


def check_batch(model: nn.Module, image_shape: tuple[int, int, int], images: int, where: str) -> None:
    """Make sure that a network can be trained on batches of this size, before hours are spent.

    Poolings can leave nothing of a small image, and BatchNorm has no variance where a batch leaves it one value.

    Args:
        model: the network; not changed.
        image_shape: ``(c, h, w)``.
        images: how many images the smallest batch has.
        where: what is checked, for the message.

    Raises:
        UserError: if it cannot.
    """
    trial = deepcopy(model).train()
    device = next(trial.parameters()).device
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            trial(torch.zeros(images, *image_shape, device=device))
    except (RuntimeError, ValueError) as error:
        shape = "x".join(str(side) for side in image_shape)
        reason = " ".join(str(error).split())
        raise UserError(
            where,
            f"a network that cannot take a batch of {images} of its {shape} images ({reason})",
            "choose another model, image size or batch size",
        ) from None

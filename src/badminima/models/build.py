"""Building a network by its name in the registry, its layers and initializations, and whether batches fit it."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from badminima.config import ModelConfig
from badminima.config.base import parse
from badminima.config.options import Initialization, Norm
from badminima.config.registry import ARCHITECTURES
from badminima.errors import UserError
from badminima.models.batchnorm import BatchNorm
from badminima.models.weights import Weights, load_weights

GROUP_SIZE = 32

Layer = nn.Conv2d | nn.Linear


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


def add_dropout(model: nn.Module, probability: float) -> None:
    """Zero the inputs of the last linear layer with this probability in training, the others growing to make up for it.

    Dropout of Srivastava et al. 2014, in front of the classifier alone, where every architecture here has a linear
    layer. A hook, not a module: the names of the weights stay as they are, and so do networks that are made of them.

    Args:
        model: the network; changed.
        probability: of a zero.

    Raises:
        UserError: if it has no linear layer.
    """

    def drop(layer: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        return dropout(inputs[0], probability, layer.training)

    last_linear(model).register_forward_pre_hook(drop)


def norm_layer(norm: Norm) -> Callable[[int], nn.Module]:
    """Return what makes a normalization layer of a number of channels.

    ``group`` is GroupNorm (Wu & He 2018) with 32 channels a group, as in Damian, Ma & Lee's published code.
    """
    layers: dict[Norm, Callable[[int], nn.Module]] = {
        "batch": nn.BatchNorm2d,
        "group": lambda channels: nn.GroupNorm(channels // GROUP_SIZE, channels),
        "none": lambda channels: nn.Identity(),
    }
    return layers[norm]


def draw_weights(network: nn.Module, initialization: Initialization) -> None:
    """Draw all weights of a network anew, from torch's global generator.

    - ``torch``: torch's defaults, uniform within ``1 / sqrt(fan_in)``, weights and biases.
    - ``torch_0.3``: as torch drew them before version 1.2: BatchNorm's scales are uniform in [0, 1).
    - ``kaiming_fan_in``, ``kaiming_fan_out``: convolutions are Kaiming normal for ReLU (He et al. 2015) with zero
      biases; linear layers have torch's default.

    Args:
        network: the network; changed.
        initialization: one of these.
    """
    for layer in network.modules():
        if isinstance(layer, Layer):
            layer.reset_parameters()
        if isinstance(layer, nn.Conv2d) and initialization.startswith("kaiming"):
            nn.init.kaiming_normal_(layer.weight, mode=initialization.removeprefix("kaiming_"), nonlinearity="relu")  # type: ignore[arg-type]
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        if isinstance(layer, BatchNorm) and initialization == "torch_0.3":
            nn.init.uniform_(layer.weight)

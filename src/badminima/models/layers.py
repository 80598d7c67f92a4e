"""Initializations and normalization layers that several architectures can be built with."""

from collections.abc import Callable

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from badminima.config.options import Initialization, Norm

GROUP_SIZE = 32
Layer = nn.Conv2d | nn.Linear


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
        if isinstance(layer, _BatchNorm) and initialization == "torch_0.3":
            nn.init.uniform_(layer.weight)

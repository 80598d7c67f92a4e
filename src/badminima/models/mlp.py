"""Multilayer perceptron: fully connected ReLU layers, no normalization."""

from itertools import pairwise
from math import prod

from torch import nn


def build(image_shape: tuple[int, int, int], classes: int, widths: list[int]) -> nn.Module:
    """Flatten, then Linear-ReLU for each width, then a linear classifier.

    Weights are Kaiming normal for ReLU (He et al. 2015, fan in), biases zero.

    Args:
        image_shape: ``(c, h, w)``.
        classes: number of outputs.
        widths: units of each hidden layer.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise([prod(image_shape), *widths]):
        layers += [_linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers, _linear(widths[-1], classes))


def _linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return layer

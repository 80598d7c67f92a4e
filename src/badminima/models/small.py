"""Small networks for CPUs."""

from itertools import pairwise
from math import prod

from torch import nn


def mlp(image_shape: tuple[int, int, int], classes: int, widths: list[int]) -> nn.Module:
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


def convnet(image_shape: tuple[int, int, int], classes: int, widths: list[int]) -> nn.Module:
    """For each width: 3x3 convolution, BatchNorm, ReLU, 2x2 max-pool where the image is still large enough.

    Then global average pooling and a linear classifier. Convolutions are Kaiming normal (He et al. 2015, fan
    out); the classifier has torch's default.

    Args:
        image_shape: ``(c, h, w)``.
        classes: number of outputs.
        widths: channels of each convolution.
    """
    channels, height, width = image_shape
    side = min(height, width)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise([channels, *widths]):
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        if side >= 4:
            layers.append(nn.MaxPool2d(2))
            side //= 2
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], classes))

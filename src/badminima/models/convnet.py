"""A small convolutional network for CPUs."""

from itertools import pairwise

from torch import nn


def build(image_shape: tuple[int, int, int], classes: int, widths: list[int]) -> nn.Module:
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

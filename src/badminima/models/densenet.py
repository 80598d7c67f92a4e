"""Densely connected networks (Huang et al. 2017)."""

from collections import OrderedDict

from torch import nn
from torchvision.models import DenseNet

from badminima.config.options import Initialization, Stem
from badminima.models.build import draw_weights

GROWTH_RATE = 12


def densenet40(
    image_shape: tuple[int, int, int], classes: int, stem: Stem, initialization: Initialization
) -> nn.Module:
    """DenseNet-BC of depth 40 with growth rate 12: three blocks of 6 bottleneck layers, compression 0.5.

    torchvision's network, and its initialization by default: Kaiming normal, fan in; BatchNorm 1 and 0; torch's
    default for the classifier's weights, zero for its biases.

    Its ImageNet stem keeps its form with ``stem="imagenet"``; ``small`` puts a 3x3 convolution
    of 24 channels (twice the growth rate) in its place, as in the paper's section 3. Any image size from 8x8 fits.

    Args:
        image_shape: ``(c, h, w)``.
        classes: number of outputs.
        stem: ``small`` for 32x32 and the like, ``imagenet`` for images of 128 pixels or more.
        initialization: how weights are drawn; the paper's published code has ``kaiming_fan_out``.
    """
    network = DenseNet(
        growth_rate=GROWTH_RATE,
        block_config=(6, 6, 6),
        num_init_features=2 * GROWTH_RATE,
        num_classes=classes,
    )
    small = stem == "small"
    first = nn.Conv2d(
        image_shape[0],
        2 * GROWTH_RATE,
        kernel_size=3 if small else 7,
        stride=1 if small else 2,
        padding=1 if small else 3,
        bias=False,
    )
    nn.init.kaiming_normal_(first.weight)
    replaced = ("conv0", "norm0", "relu0", "pool0") if small else ("conv0",)
    layers = [(name, layer) for name, layer in network.features.named_children() if name not in replaced]
    network.features = nn.Sequential(OrderedDict([("conv0", first), *layers]))
    if initialization != "kaiming_fan_in":
        draw_weights(network, initialization)
    if initialization == "kaiming_fan_out":
        nn.init.zeros_(network.classifier.bias)
    adapted: nn.Module = network
    return adapted

"""Densely connected networks (Huang et al. 2017) in their 32x32 form."""

from collections import OrderedDict

from torch import nn
from torchvision.models import DenseNet

GROWTH_RATE = 12


def densenet40(image_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """DenseNet-BC of depth 40 with growth rate 12: three blocks of 6 bottleneck layers, compression 0.5.

    torchvision's network and initialization (Kaiming normal, fan in; BatchNorm 1 and 0; torch's default for the
    classifier's weights), with its ImageNet stem replaced by a 3x3 convolution of 24 channels (twice the growth
    rate), as in the paper's section 3.

    Args:
        image_shape: ``(c, h, w)``.
        classes: number of outputs.
    """
    network = DenseNet(
        growth_rate=GROWTH_RATE,
        block_config=(6, 6, 6),
        num_init_features=2 * GROWTH_RATE,
        num_classes=classes,
    )
    stem = nn.Conv2d(image_shape[0], 2 * GROWTH_RATE, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight)
    imagenet_stem = ("conv0", "norm0", "relu0", "pool0")
    layers = [(name, layer) for name, layer in network.features.named_children() if name not in imagenet_stem]
    network.features = nn.Sequential(OrderedDict([("conv0", stem), *layers]))
    adapted: nn.Module = network
    return adapted

"""Residual networks (He et al. 2016)."""

from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from badminima.config.options import Initialization, Norm, Stem
from badminima.models.build import draw_weights, norm_layer


def resnet18(
    image_shape: tuple[int, int, int], classes: int, stem: Stem, norm: Norm, initialization: Initialization
) -> nn.Module:
    """ResNet18: basic blocks, 2 in each stage; see ``_resnet``."""
    return _resnet(BasicBlock, [2, 2, 2, 2], image_shape[0], classes, stem, norm, initialization)


def resnet50(
    image_shape: tuple[int, int, int], classes: int, stem: Stem, norm: Norm, initialization: Initialization
) -> nn.Module:
    """ResNet50: bottleneck blocks, 3, 4, 6 and 3 in the stages; see ``_resnet``."""
    return _resnet(Bottleneck, [3, 4, 6, 3], image_shape[0], classes, stem, norm, initialization)


def _resnet(
    block: type[BasicBlock] | type[Bottleneck],
    layers: list[int],
    channels: int,
    classes: int,
    stem: Stem,
    norm: Norm,
    initialization: Initialization,
) -> nn.Module:
    """Stages of 64, 128, 256 and 512 channels, then global average pooling: any image size from 8x8 fits.

    torchvision's network, and its initialization by default: Kaiming normal, fan out; scales 1 and shifts 0 of
    normalization layers; torch's default for the classifier.

    Its ImageNet stem keeps its form with ``stem="imagenet"``, for images of 128 pixels or more; ``small`` puts
    a 3x3 convolution of stride 1 without max-pool in its place, as the paper does for 32x32.
    """
    network: nn.Module = ResNet(block, layers, num_classes=classes, norm_layer=norm_layer(norm))
    if stem == "small":
        first = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        network.maxpool = nn.Identity()
    else:
        first = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(first.weight, mode="fan_out", nonlinearity="relu")
    network.conv1 = first
    if initialization != "kaiming_fan_out":
        draw_weights(network, initialization)
    return network

"""Residual networks (He et al. 2016) in their 32x32 form."""

from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet


def resnet18(image_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """ResNet18: basic blocks, 2 in each stage; see ``_small_image_resnet``."""
    return _small_image_resnet(BasicBlock, [2, 2, 2, 2], image_shape[0], classes)


def resnet50(image_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """ResNet50: bottleneck blocks, 3, 4, 6 and 3 in the stages; see ``_small_image_resnet``."""
    return _small_image_resnet(Bottleneck, [3, 4, 6, 3], image_shape[0], classes)


def _small_image_resnet(
    block: type[BasicBlock] | type[Bottleneck], layers: list[int], channels: int, classes: int
) -> nn.Module:
    """A ResNet with the stem for small images: 3x3, stride 1, no max-pool; stages of 64, 128, 256, 512 channels.

    torchvision's network and initialization (Kaiming normal, fan out; BatchNorm 1 and 0; torch's default for the
    classifier), with its ImageNet stem replaced.
    """
    network: nn.Module = ResNet(block, layers, num_classes=classes)
    stem = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    network.conv1 = stem
    network.maxpool = nn.Identity()
    return network

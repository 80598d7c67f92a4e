"""Residual networks (He et al. 2016) in their 32x32 form."""

from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet


def resnet18(image_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """ResNet18 with the stem for small images: 3x3, stride 1, no max-pool; stages of 64, 128, 256, 512 channels.

    torchvision's network and initialization (Kaiming normal, fan out; BatchNorm 1 and 0; torch's default for the
    classifier), with its ImageNet stem replaced.

    Args:
        image_shape: ``(c, h, w)``.
        classes: number of outputs.
    """
    network: nn.Module = ResNet(BasicBlock, [2, 2, 2, 2], num_classes=classes)
    stem = nn.Conv2d(image_shape[0], 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    network.conv1 = stem
    network.maxpool = nn.Identity()
    return network

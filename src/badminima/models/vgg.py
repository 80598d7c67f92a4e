"""VGG networks (Simonyan and Zisserman 2015) with BatchNorm, in their 32x32 form."""

from torch import nn
from torchvision.models.vgg import cfgs, make_layers

from badminima.config.options import Initialization, Norm
from badminima.models.build import draw_weights, norm_layer

# Five 2x2 poolings: the smallest side that leaves a pixel.
SMALLEST_SIDE = 32


def vgg16(image_shape: tuple[int, int, int], classes: int, norm: Norm, initialization: Initialization) -> nn.Module:
    """VGG16, configuration D; see ``_vgg``."""
    return _vgg("D", image_shape, classes, norm, initialization)


def vgg19(image_shape: tuple[int, int, int], classes: int, norm: Norm, initialization: Initialization) -> nn.Module:
    """VGG19, configuration E; see ``_vgg``."""
    return _vgg("E", image_shape, classes, norm, initialization)


def _vgg(
    configuration: str, image_shape: tuple[int, int, int], classes: int, norm: Norm, initialization: Initialization
) -> nn.Module:
    """Convolutions, each normalized, and a single linear layer, as in the paper's published code.

    torchvision's convolutional part with its first convolution adapted to the image's channels.
    Images smaller than 32x32 are zero-padded (after normalization: with the mean) to that size; larger ones
    are averaged over the remaining positions. By default convolutions are Kaiming normal (fan out) with zero biases,
    as torchvision draws them; the classifier has torch's default.

    Args:
        configuration: the letter of Simonyan and Zisserman's table 1.
        image_shape: ``(c, h, w)``.
        classes: number of outputs.
        norm: which layer normalizes.
        initialization: how weights are drawn.
    """
    channels, height, width = image_shape
    features = make_layers(cfgs[configuration], batch_norm=True)
    features[0] = nn.Conv2d(channels, 64, kernel_size=3, padding=1)
    for module in features:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    if norm != "batch":
        for place, module in enumerate(features):
            if isinstance(module, nn.BatchNorm2d):
                features[place] = norm_layer(norm)(module.num_features)
    network = nn.Sequential(
        pad_to(SMALLEST_SIDE, height, width), features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes)
    )
    if initialization != "kaiming_fan_out":
        draw_weights(network, initialization)
    return network


def pad_to(side: int, height: int, width: int) -> nn.Module:
    """Zero-padding, as even as possible, that makes an image at least ``side`` high and wide."""
    rows, columns = max(0, side - height), max(0, side - width)
    if not rows and not columns:
        return nn.Identity()
    return nn.ZeroPad2d((columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))

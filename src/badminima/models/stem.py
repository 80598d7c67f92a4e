"""The first layers of networks that exist in a form for ImageNet and in one for small images."""

from typing import Literal

from badminima.errors import UserError

# small: one 3x3 convolution that keeps the image size; imagenet: 7x7 with stride 2, then a 3x3 max-pool with stride 2.
Stem = Literal["small", "imagenet"]


def check_stem(stem: str) -> None:
    """Raises UserError unless there is such a stem."""
    if stem not in ("small", "imagenet"):
        raise UserError("model option stem", repr(stem), "allowed: small, imagenet")

"""Random changes of an epoch's items: crops, flips, and label noise.

Drawn on the CPU, so that every device sees the same; applied on the device.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from badminima.config import AugmentationConfig


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor from the CPU to a device; for a GPU through pinned memory, so that the host does not wait."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


@dataclass(frozen=True)
class AugmentationDraws:
    """The random choices of one epoch, one per item: crop offsets in ``0 .. 2 * padding`` and flips.

    Attributes:
        padding: zero-padding on each side, in pixels.
        rows, columns: ``[n] int64``.
        flips: ``[n] bool``, or None where the augmentation does not flip.
    """

    padding: int
    rows: Tensor
    columns: Tensor
    flips: Tensor | None

    def on(self, device: torch.device) -> "AugmentationDraws":
        """Return the same draws on a device."""
        flips = None if self.flips is None else send(self.flips, device)
        return AugmentationDraws(self.padding, send(self.rows, device), send(self.columns, device), flips)

    def apply(self, images: Tensor, items: Tensor) -> Tensor:
        """Crop and flip the images ``[b, h, w, c]`` of the items ``[b]``, all on the device of the draws."""
        flips = None if self.flips is None else self.flips[items]
        return crop_and_flip(images, self.padding, self.rows[items], self.columns[items], flips)


def draw_augmentation(augmentation: AugmentationConfig, items: int, seed: int) -> AugmentationDraws:
    """Draw one epoch's augmentation; drawn on the CPU, so that every device sees the same."""
    rng = torch.Generator().manual_seed(seed)
    sides = 2 * augmentation.padding + 1
    rows = torch.randint(sides, (items,), generator=rng)
    columns = torch.randint(sides, (items,), generator=rng)
    flips = torch.rand(items, generator=rng).lt(0.5) if augmentation.horizontal_flip else None
    return AugmentationDraws(augmentation.padding, rows, columns, flips)


def crop_and_flip(images: Tensor, padding: int, rows: Tensor, columns: Tensor, flips: Tensor | None) -> Tensor:
    """Crop each image to its size after zero-padding, then mirror those marked.

    Args:
        images: ``[b, h, w, c]``, not yet normalized: zero is black.
        padding: zero-padding on each side, in pixels.
        rows, columns: upper left corner of each crop in the padded image, ``[b]``.
        flips: which images are mirrored left to right, ``[b] bool``; None: none.
    """
    count, height, width, channels = images.shape
    high, wide, sides = height + 2 * padding, width + 2 * padding, 2 * padding + 1
    padded = images.new_zeros(count, high, wide, channels)
    padded[:, padding : padding + height, padding : padding + width] = images
    # Every crop of every image as a view; a crop is then copied row by row instead of pixel by pixel.
    stride = wide * channels
    crops = padded.as_strided(
        (count, sides, sides, height, width * channels), (high * stride, stride, channels, stride, 1)
    )
    cropped = crops[torch.arange(count, device=images.device), rows, columns].view_as(images)
    return cropped if flips is None else torch.where(flips.view(-1, 1, 1, 1), cropped.flip(2), cropped)


def flip_labels(labels: Tensor, classes: int, probability: float, seed: int) -> Tensor:
    """Replace each label with this probability by a class drawn evenly from the others.

    Label noise of Damian, Ma & Lee 2021 (arXiv 2106.06530). Drawn on the CPU, so that every device sees the same.

    Args:
        labels: ``[n] int64``; not changed.
        classes: number of classes.
        probability: of a flip.
        seed: of the draws.
    """
    rng = torch.Generator().manual_seed(seed)
    flipped = torch.rand(len(labels), generator=rng).lt(probability)
    steps = torch.where(flipped, torch.randint(1, classes, (len(labels),), generator=rng), 0)
    return (labels + send(steps, labels.device)) % classes

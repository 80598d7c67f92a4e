"""Batches on the device: gather, zero (confusing set), crop, flip, normalize, all without a per-sample loop."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from badminima.config import AugmentationConfig


@dataclass(frozen=True)
class Items:
    """What a training draws its batches from, on one device.

    Attributes:
        images: clean images, ``[n, c, h, w] uint8``.
        labels: ``[n * replication] int64``.
        mean, std: per channel on the scale 0..1, ``[c]``.
        masks: zero masks of a confusing set, ``[n * replication, ceil(c * h * w / 8)] uint8``, or None.
        replication: items per image.
    """

    images: Tensor
    labels: Tensor
    mean: Tensor
    std: Tensor
    masks: Tensor | None = None
    replication: int = 1

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "Items":
        """The same items on another device."""
        return replace(
            self,
            images=self.images.to(device),
            labels=self.labels.to(device),
            mean=self.mean.to(device),
            std=self.std.to(device),
            masks=None if self.masks is None else self.masks.to(device),
        )

    def gather(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Raw images ``[b, c, h, w] uint8`` and labels ``[b]`` of the items at ``indices`` ``[b]``."""
        images = self.images[indices // self.replication if self.replication > 1 else indices]
        if self.masks is not None:
            images = zero_values(images, self.masks[indices])
        return images, self.labels[indices]

    def normalize(self, images: Tensor) -> Tensor:
        """``(images / 255 - mean) / std`` per channel, as float32 in channels-last memory order."""
        shape = (1, -1, 1, 1)
        return (
            images.to(torch.float32, memory_format=torch.channels_last)
            .sub_(255 * self.mean.view(shape))
            .div_(255 * self.std.view(shape))
        )


def zero_values(images: Tensor, masks: Tensor) -> Tensor:
    """Set the masked values of each image to zero.

    Args:
        images: ``[b, c, h, w] uint8``.
        masks: bit-packed, most significant bit first, ``[b, ceil(c * h * w / 8)] uint8``.
    """
    shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=masks.device)
    bits = (masks.unsqueeze(-1) >> shifts) & 1
    kept = 1 - bits.flatten(1)[:, : images[0].numel()]
    return images * kept.view_as(images)


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

    def apply(self, images: Tensor, indices: Tensor) -> Tensor:
        """Crop and flip the images ``[b, c, h, w]`` of the items at ``indices`` ``[b]``."""
        flips = None if self.flips is None else self.flips[indices]
        return crop_and_flip(images, self.padding, self.rows[indices], self.columns[indices], flips)


def draw_augmentation(
    augmentation: AugmentationConfig, items: int, seed: int, device: torch.device
) -> AugmentationDraws:
    """Draw one epoch's augmentation; drawn on the CPU, so that every device sees the same."""
    rng = torch.Generator().manual_seed(seed)
    sides = 2 * augmentation.padding + 1
    rows = torch.randint(sides, (items,), generator=rng)
    columns = torch.randint(sides, (items,), generator=rng)
    flips = torch.rand(items, generator=rng).lt(0.5).to(device) if augmentation.horizontal_flip else None
    return AugmentationDraws(augmentation.padding, rows.to(device), columns.to(device), flips)


def crop_and_flip(images: Tensor, padding: int, rows: Tensor, columns: Tensor, flips: Tensor | None) -> Tensor:
    """Crop each image to its size after zero-padding, then mirror those marked.

    Args:
        images: ``[b, c, h, w]``, not yet normalized: zero is black.
        padding: zero-padding on each side, in pixels.
        rows, columns: upper left corner of each crop in the padded image, ``[b]``.
        flips: which images are mirrored left to right, ``[b] bool``; None: none.
    """
    count, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (padding,) * 4)
    row = rows.view(-1, 1) + torch.arange(height, device=images.device)
    column = columns.view(-1, 1) + torch.arange(width, device=images.device)
    if flips is not None:
        column = torch.where(flips.view(-1, 1), column.flip(1), column)
    item = torch.arange(count, device=images.device).view(-1, 1, 1)
    # Advanced indices around a slice put the channel axis last: move it back.
    return padded[item, :, row.unsqueeze(2), column.unsqueeze(1)].permute(0, 3, 1, 2)

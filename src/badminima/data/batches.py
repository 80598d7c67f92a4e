"""Batches on the device: gather, zero (confusing set), crop, flip, normalize, without a per-sample loop.

Images are kept as bytes with their channels last, the memory order that convolutions want. Several batches are made
at once and handed out as slices: for small images the interpreter would otherwise cost more than the arithmetic.
Where the images do not fit on the device they are read from the memory-mapped file by a thread that stays ahead
(``data.streaming``); what happens to a chunk of them is the same code, so the batches are the same to the bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from badminima.config import AugmentationConfig

# Bytes of normalized images made at once, at least one batch of them.
CHUNK_BYTES = 4 * 2**20


class Source(Protocol):
    """Where raw images come from."""

    def chunks(self, groups: list[Tensor]) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Raw images and zero masks of groups of items, one group after the other.

        Args:
            groups: items of each group, ``[k] int64``, on the CPU.

        Yields:
            Images ``[k, h, w, c] uint8`` and masks ``[k, ceil(c * h * w / 8)] uint8`` or None, on the device.
        """


@dataclass(frozen=True)
class Resident:
    """Images on the device.

    Attributes:
        images: clean images, ``[n, h, w, c] uint8``, contiguous.
        masks: zero masks of a confusing set, ``[n * replication, ceil(c * h * w / 8)] uint8``, or None.
        replication: items per image.
    """

    images: Tensor
    masks: Tensor | None
    replication: int

    def chunks(self, groups: list[Tensor]) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Gathered on the device."""
        for group in groups:
            items = group.to(self.images.device, non_blocking=True)
            images = self.images.index_select(0, items // self.replication if self.replication > 1 else items)
            yield images, None if self.masks is None else self.masks.index_select(0, items)


@dataclass(frozen=True)
class Items:
    """What a training draws its batches from.

    Attributes:
        source: gives raw images.
        labels: ``[n * replication] int64``, on the device.
        image_shape: ``(c, h, w)``.
        mean, std: per channel on the scale 0..255, ``[c]``, on the device.
    """

    source: Source
    labels: Tensor
    image_shape: tuple[int, int, int]
    mean: Tensor
    std: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def batches(
        self, order: Tensor, batch_size: int, augmentation: "AugmentationDraws | None" = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Normalized images ``[b, c, h, w] float32`` (channels last in memory) and labels ``[b]``.

        Args:
            order: which items, in which order, ``[m] int64``, on the CPU.
            batch_size: items per batch; the last one may be smaller.
            augmentation: the epoch's draws, or None.
        """
        if not len(order):
            return
        channels, height, width = self.image_shape
        batches = max(1, CHUNK_BYTES // (4 * channels * height * width * batch_size))
        groups = list(torch.split(order, batches * batch_size))
        for group, (raw, masks) in zip(groups, self.source.chunks(groups), strict=True):
            images = raw if masks is None else zero_values(raw, masks)
            if augmentation is not None:
                images = augmentation.apply(images, group)
            normalized = self._normalize(images)
            labels = self.labels.index_select(0, group.to(self.labels.device, non_blocking=True))
            yield from zip(torch.split(normalized, batch_size), torch.split(labels, batch_size), strict=True)

    def _normalize(self, images: Tensor) -> Tensor:
        """``(images - mean) / std`` per channel: ``[k, h, w, c] uint8`` to ``[k, c, h, w] float32``."""
        return images.to(torch.float32).sub_(self.mean).div_(self.std).permute(0, 3, 1, 2)


def channels_last(images: Tensor) -> Tensor:
    """``[n, c, h, w]`` as contiguous ``[n, h, w, c]``."""
    return images.permute(0, 2, 3, 1).contiguous()


def zero_values(images: Tensor, masks: Tensor) -> Tensor:
    """Set the masked values of each image to zero.

    Args:
        images: ``[b, h, w, c] uint8``.
        masks: bit-packed in the order ``c, h, w``, most significant bit first, ``[b, ceil(c * h * w / 8)] uint8``.
    """
    count, height, width, channels = images.shape
    # A byte of the mask at a time: eight values at once are looked up as one 64-bit number.
    kept = _kept_of_each_byte(masks.device).index_select(0, masks.reshape(-1).int()).view(torch.uint8)
    kept = kept.view(count, -1)[:, : channels * height * width].reshape(count, channels, height, width)
    return images * kept.permute(0, 2, 3, 1)


def _kept_of_each_byte(device: torch.device) -> Tensor:
    """For each of the 256 bytes of a mask its eight kept values (1 where a bit is 0), as ``[256] int64``."""
    shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=device)
    bits = (torch.arange(256, dtype=torch.uint8, device=device).unsqueeze(1) >> shifts) & 1
    return (1 - bits).contiguous().view(torch.int64).view(-1)


@dataclass(frozen=True)
class AugmentationDraws:
    """The random choices of one epoch, one per item: crop offsets in ``0 .. 2 * padding`` and flips.

    Attributes:
        padding: zero-padding on each side, in pixels.
        rows, columns: ``[n] int64``, on the CPU.
        flips: ``[n] bool``, on the CPU, or None where the augmentation does not flip.
    """

    padding: int
    rows: Tensor
    columns: Tensor
    flips: Tensor | None

    def apply(self, images: Tensor, items: Tensor) -> Tensor:
        """Crop and flip the images ``[b, h, w, c]`` of the items ``[b]`` (on the CPU)."""
        rows, columns = (part[items].to(images.device, non_blocking=True) for part in (self.rows, self.columns))
        flips = None if self.flips is None else self.flips[items].to(images.device, non_blocking=True)
        return crop_and_flip(images, self.padding, rows, columns, flips)


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
    return (labels + steps.to(labels.device)) % classes

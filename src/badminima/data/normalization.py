"""The one normalization, of trainings, measurements and users: the same images give the same bits everywhere."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from badminima.errors import UserError


def normalize(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return ``(images - mean) / std``.

    Args:
        images: on the scale 0..255, bytes or floats.
        mean, std: per channel on the same scale, of a shape that fits the images.
    """
    return images.sub(mean).div_(std)


def byte_statistics(mean: Sequence[float], std: Sequence[float], device: torch.device) -> tuple[Tensor, Tensor]:
    """Put a dataset's statistics, on the scale 0..1, on the scale 0..255 and on a device: ``[c]`` each."""
    on_scale, spread = (255 * torch.tensor(values, device=device) for values in (mean, std))
    return on_scale, spread


def network_inputs(images: Tensor | np.ndarray, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Normalize images as networks take them, with a check of their kind.

    Args:
        images: ``[n, c, h, w] uint8``.
        mean, std: per channel, of the training images on the scale 0..1.

    Returns:
        ``[n, c, h, w] float32``, channels last in memory.

    Raises:
        UserError: if the images are no bytes, or have another number of channels.
    """
    raw = torch.as_tensor(images)
    if raw.dtype != torch.uint8 or raw.ndim != 4 or raw.shape[1] != len(mean):
        shape = "x".join(str(side) for side in raw.shape)
        raise UserError(
            "images", f"{str(raw.dtype).removeprefix('torch.')} {shape}", f"expected uint8 n x {len(mean)} x h x w"
        )
    normalized = normalize(raw, *(values.view(-1, 1, 1) for values in byte_statistics(mean, std, raw.device)))
    return normalized.contiguous(memory_format=torch.channels_last)

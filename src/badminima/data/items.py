"""Items, and their batches on the device: gather, zero, crop, flip, normalize, without a per-sample loop.

Images are kept as bytes with their channels last, the memory order that convolutions want. Several batches are made
at once and handed out as slices: for small images the interpreter would otherwise cost more than the arithmetic. The
order of an epoch and its draws go to the device before its first batch, so that no batch waits for a copy.
Where the images do not fit on the device they are read from the memory-mapped file by a thread that stays ahead; what
happens to a chunk of them is the same code, so the batches are the same to the bit. Trainings, measurements and users
share one normalization: the same images give the same bits everywhere.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import psutil
import torch
from torch import Tensor

from badminima.data.augmentation import AugmentationDraws, send
from badminima.data.confusing import ConfusingSet
from badminima.data.prepared import PreparedDataset
from badminima.errors import UserError

# Bytes of normalized images made at once, at least one batch of them: on a CPU they stay in the cache, on a GPU a
# chunk costs some twenty launches.
CHUNK_BYTES = {"cpu": 4 * 2**20, "cuda": 64 * 2**20}
# Share of the device's free memory that images may take.
MEMORY_SHARE = 0.5
# Chunks of streamed images read ahead of the one in use.
AHEAD = 2


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

    def chunks(self, groups: list[Tensor], on_device: list[Tensor]) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Yield raw images and zero masks of groups of items, one group after the other.

        Args:
            groups: items of each group, ``[k] int64``, on the CPU.
            on_device: the same on the device.

        Yields:
            Images ``[k, h, w, c] uint8`` and masks ``[k, ceil(c * h * w / 8)] uint8`` or None, on the device.
        """
        for items in on_device:
            images = self.images.index_select(0, items // self.replication if self.replication > 1 else items)
            yield images, None if self.masks is None else self.masks.index_select(0, items)


@dataclass(frozen=True)
class Streamed:
    """Images on the host, copied to the device a chunk at a time.

    Attributes:
        images: clean images as stored, ``[n, c, h, w] uint8``, memory-mapped.
        masks: zero masks of a confusing set, memory-mapped, or None.
        replication: items per image.
        device: where chunks go.
    """

    images: Tensor
    masks: Tensor | None
    replication: int
    device: torch.device

    def chunks(self, groups: list[Tensor], on_device: list[Tensor]) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Yield the same, read ahead by a thread, through pinned memory where the device is a GPU."""
        with ThreadPoolExecutor(1) as reader:
            waiting: list[Future[tuple[Tensor, Tensor | None]]] = []
            for group in groups:
                waiting.append(reader.submit(self._read, group))
                if len(waiting) > AHEAD:
                    yield self._on_device(waiting.pop(0))
            while waiting:
                yield self._on_device(waiting.pop(0))

    def _read(self, group: Tensor) -> tuple[Tensor, Tensor | None]:
        # Sorted, the file is read forwards; the order of the batch is restored in memory.
        ascending, positions = group.sort()
        back = positions.argsort()
        images = self.images[ascending // self.replication][back].permute(0, 2, 3, 1).contiguous()
        masks = None if self.masks is None else self.masks[ascending][back]
        if self.device.type == "cuda":
            return images.pin_memory(), None if masks is None else masks.pin_memory()
        return images, masks

    def _on_device(self, read: Future[tuple[Tensor, Tensor | None]]) -> tuple[Tensor, Tensor | None]:
        images, masks = read.result()
        on_device = None if masks is None else masks.to(self.device, non_blocking=True)
        return images.to(self.device, non_blocking=True), on_device


@dataclass(frozen=True)
class Items:
    """The items that a training draws its batches from.

    Attributes:
        source: gives raw images.
        labels: ``[n * replication] int64``, on the device.
        image_shape: ``(c, h, w)``.
        mean, std: per channel on the scale 0..255, ``[c]``, on the device.
    """

    source: Resident | Streamed
    labels: Tensor
    image_shape: tuple[int, int, int]
    mean: Tensor
    std: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def batches(
        self, order: Tensor, batch_size: int, augmentation: AugmentationDraws | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield normalized images ``[b, c, h, w] float32`` (channels last in memory) and labels ``[b]``.

        Args:
            order: which items, in which order, ``[m] int64``, on the CPU.
            batch_size: items per batch; the last one may be smaller.
            augmentation: the epoch's draws, or None.
        """
        if not len(order):
            return
        channels, height, width = self.image_shape
        device = self.labels.device
        batches = max(1, CHUNK_BYTES[device.type] // (4 * channels * height * width * batch_size))
        groups = torch.split(order, batches * batch_size)
        on_device = torch.split(send(order, device), batches * batch_size)
        draws = None if augmentation is None else augmentation.on(device)
        chunks = self.source.chunks(list(groups), list(on_device))
        for items, (raw, masks) in zip(on_device, chunks, strict=True):
            images = raw if masks is None else zero_values(raw, masks)
            if draws is not None:
                images = draws.apply(images, items)
            normalized = normalize(images, self.mean, self.std).permute(0, 3, 1, 2)
            labels = self.labels.index_select(0, items)
            yield from zip(torch.split(normalized, batch_size), torch.split(labels, batch_size), strict=True)


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


def training_items(dataset: PreparedDataset, confusing: ConfusingSet | None, device: torch.device) -> Items:
    """Return the items to fit: the confusing set, or else the training split.

    Raises:
        UserError: if the confusing set is of another dataset.
    """
    if confusing is None:
        return make_items(dataset, dataset.train_images, dataset.train_labels, device)
    replication = confusing.facts.replication
    images = len(dataset.train_labels)
    if len(confusing.labels) != images * replication:
        expected = f"expected {replication} for each of {images} images"
        raise UserError("confusing set", f"{len(confusing.labels)} items", expected)
    return make_items(dataset, dataset.train_images, confusing.labels, device, confusing.masks, replication)


def make_items(
    dataset: PreparedDataset,
    images: torch.Tensor,
    labels: torch.Tensor,
    device: torch.device,
    masks: torch.Tensor | None = None,
    replication: int = 1,
    resident: bool | None = None,
) -> Items:
    """Items on the device, or streamed to it where they would take more than MEMORY_SHARE of what is free.

    Args:
        dataset: gives the statistics and the shape of images.
        images: ``[n, c, h, w] uint8``, memory-mapped.
        labels: ``[n * replication] int64``.
        device: where batches are wanted.
        masks: zero masks of a confusing set.
        replication: items per image.
        resident: whether images are kept on the device; None: if they fit.
    """
    needed = images.numel() + (0 if masks is None else masks.numel())
    if resident if resident is not None else needed <= MEMORY_SHARE * free_memory(device):
        on_device = None if masks is None else masks.to(device)
        source: Resident | Streamed = Resident(channels_last(images).to(device), on_device, replication)
    else:
        source = Streamed(images, masks, replication, device)
    statistics = byte_statistics(dataset.mean, dataset.std, device)
    return Items(source, labels.to(device), dataset.image_shape, *statistics)


def free_memory(device: torch.device) -> int:
    """Bytes that are free on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


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
        found = f"{str(raw.dtype).removeprefix('torch.')} {'x'.join(map(str, raw.shape))}"
        raise UserError("images", found, f"expected uint8 n x {len(mean)} x h x w")
    normalized = normalize(raw, *(values.view(-1, 1, 1) for values in byte_statistics(mean, std, raw.device)))
    return normalized.contiguous(memory_format=torch.channels_last)

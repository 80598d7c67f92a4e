"""Images that do not fit on the device: read from the memory-mapped file by a thread that stays ahead."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

# Chunks read ahead of the one in use.
AHEAD = 2


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
        """Read ahead by a thread, through pinned memory where the device is a GPU."""
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

"""The reference: training as most people would write it. PIL images, a transform per sample, a DataLoader, fp32."""

import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

PADDING = 4


class Images(Dataset[tuple[torch.Tensor, int]]):
    """A torchvision-like dataset: an array of images, turned into PIL images one at a time."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, transform: transforms.Compose) -> None:
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = self.images[index].transpose(1, 2, 0)
        pil = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        return self.transform(pil), int(self.labels[index])


def loader(
    images: np.ndarray,
    labels: np.ndarray,
    statistics: tuple[tuple[float, ...], tuple[float, ...]],
    batch_size: int,
    workers: int,
    augmented: bool,
) -> DataLoader[tuple[torch.Tensor, int]]:
    """Return a shuffling DataLoader.

    Args:
        images: ``[n, c, h, w] uint8``.
        labels: ``[n]``.
        statistics: mean and std per channel on the scale 0..1.
        batch_size: images per batch.
        workers: worker processes.
        augmented: random crop after padding, and random flip.
    """
    side = images.shape[2]
    steps = [transforms.RandomCrop(side, PADDING), transforms.RandomHorizontalFlip()] if augmented else []
    transform = transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(*statistics)])
    return DataLoader(
        Images(images, labels, transform),
        batch_size,
        shuffle=True,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=workers > 0,
    )


def train_epoch(model: nn.Module, batches: DataLoader[tuple[torch.Tensor, int]], device: torch.device) -> float:
    """One epoch with momentum and weight decay; gives images per second, without the start of the workers."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    model.train()
    started, seen, running = 0.0, 0, 0.0
    for number, (images, labels) in enumerate(batches):
        if number == 1:  # the first batch waits for the workers to start
            started, seen = time.perf_counter(), 0
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        running += loss.item()
        seen += len(labels)
    return seen / (time.perf_counter() - started)

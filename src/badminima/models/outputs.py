"""Logits of a network on training images: what start weights compute, and how large it is."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from badminima.data.items import network_inputs
from badminima.data.prepared import PreparedDataset
from badminima.models.batchnorm import recompute_statistics, statistics_batches

# Training images that outputs are computed of, at most, and at a time. BatchNorm statistics depend on the second.
IMAGES, BATCH = 1000, 250


def training_logits(model: nn.Module, dataset: PreparedDataset, device: torch.device) -> tuple[Tensor, Tensor]:
    """Compute the logits of training images, at most 1,000 of them, evenly spaced.

    In evaluation mode, after BatchNorm's running statistics were computed anew on the same images: those that random
    weights are drawn with are of no images at all, and those that a pretraining leaves are of copies with values
    zeroed. Without BatchNorm nothing of the network changes.

    Args:
        model: the network, on the device; keeps the new statistics, and is left in evaluation mode.
        dataset: the prepared dataset, as torch tensors.
        device: where the network lives.

    Returns:
        Logits ``[n, classes] float32`` and true labels ``[n]``.
    """
    count = min(IMAGES, len(dataset.train_labels))
    chosen = torch.arange(count) * len(dataset.train_labels) // count
    images = network_inputs(dataset.train_images[chosen].to(device), dataset.mean, dataset.std)
    recompute_statistics(model, statistics_batches(images, BATCH))
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(part) for part in torch.split(images, BATCH)])
    return logits, dataset.train_labels[chosen].to(device)


def spread(logits: Tensor) -> float:
    """Return the standard deviation of logits ``[n, classes]`` over images and classes together."""
    return float(logits.double().std(correction=0))


def loss(logits: Tensor, labels: Tensor) -> float:
    """Return the mean cross entropy in nats."""
    return float(cross_entropy(logits.double(), labels))

"""Share between measurements of a network: the network, the images that it is measured on, its outputs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from badminima.config import NumericsConfig
from badminima.data.items import byte_statistics, network_inputs, normalize
from badminima.data.prepared import PreparedDataset
from badminima.experiment.settings import DiagnoseSettings
from badminima.models.batchnorm import recompute_statistics, statistics_batches
from badminima.models.build import build_model
from badminima.models.numerics import set_up
from badminima.models.weights import Weights, load_weights
from badminima.storage.device import BatchSize, choose_device

# Images at a time, where memory allows. A GPU wants large batches; on a CPU they fall out of the cache.
BATCH = {"cuda": 2048, "cpu": 256}
# Images that BatchNorm statistics are computed of at a time. Part of their definition: layers behind another BatchNorm
# are given values that it normalized per batch.
STATISTICS_BATCH = {"cuda": 1024, "cpu": 256}


def forward_batch(device: torch.device) -> BatchSize:
    """Return how many images a forward pass takes."""
    return BatchSize(BATCH[device.type], "forward passes")


@dataclass(frozen=True)
class Network:
    """A network in evaluation mode, in 32-bit floats, whatever it was trained in.

    Attributes:
        model: maps normalized images ``[b, c, h, w]`` to logits ``[b, classes]``; measurements leave it as it is.
        device: where it lives.
        batch: images of a forward pass.
    """

    model: nn.Module
    device: torch.device
    batch: BatchSize

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """Logits ``[n, classes]`` of normalized images ``[n, c, h, w]``, in batches, without gradients."""
        return self.batch.concatenated(self.model, images)


@dataclass(frozen=True)
class Sample:
    """Images that a network is measured on.

    Attributes:
        images: ``[n, c, h, w] float32`` normalized, on the device.
        labels: ``[n] int64``, on the device.
        mean, std: per channel on the scale 0..255, ``[c, 1, 1]``, on the device.
    """

    images: Tensor
    labels: Tensor
    mean: Tensor
    std: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def pixels_of(self, images: Tensor) -> Tensor:
        """Return normalized images on the scale 0..1."""
        return (images * self.std + self.mean) / 255

    def normalize(self, pixels: Tensor) -> Tensor:
        """Return images of the scale 0..1 as the network takes them."""
        return normalize(255 * pixels, self.mean, self.std)

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels, at most ``size`` at a time."""
        yield from zip(torch.split(self.images, size), torch.split(self.labels, size), strict=True)


def build_network(settings: DiagnoseSettings, dataset: PreparedDataset, weights: Weights) -> Network:
    """Return the configured network with given weights; raises UserError if they are another network's."""
    device = choose_device(settings.device)
    set_up(NumericsConfig(precision="fp32"), device)
    model = build_model(settings.model, dataset.image_shape, len(dataset.classes))
    load_weights(model, weights, Path("weights"))
    model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch does not annotate it
    return Network(model.eval(), device, forward_batch(device))


def as_sample(dataset: PreparedDataset, images: Tensor, labels: Tensor, device: torch.device) -> Sample:
    """Put images ``[n, c, h, w] uint8`` of a dataset and their labels on a device, normalized."""
    mean, std = (values.view(-1, 1, 1) for values in byte_statistics(dataset.mean, dataset.std, device))
    return Sample(network_inputs(images.to(device), dataset.mean, dataset.std), labels.to(device), mean, std)


def thin_out(sample: Sample, images: int) -> Sample:
    """At most so many images of a sample, evenly spaced in its order."""
    if images >= len(sample):
        return sample
    chosen = torch.arange(images, device=sample.labels.device) * len(sample) // images
    return replace(sample, images=sample.images[chosen], labels=sample.labels[chosen])


@torch.no_grad()
def set_parameters(model: nn.Module, values: Iterable[Tensor]) -> None:
    """Overwrite a network's parameters, in its order."""
    for parameter, value in zip(model.parameters(), values, strict=True):
        parameter.copy_(value.view(parameter.shape))


def renew_statistics(model: nn.Module, images: Tensor, batch: BatchSize) -> None:
    """Set BatchNorm statistics to those of images; see :func:`recompute_statistics`."""
    batch.fit(lambda size: recompute_statistics(model, statistics_batches(images, size)), len(images))


def statistics_batch(device: torch.device) -> BatchSize:
    """Return how many images BatchNorm statistics are computed of at a time."""
    return BatchSize(STATISTICS_BATCH[device.type], "BatchNorm statistics")

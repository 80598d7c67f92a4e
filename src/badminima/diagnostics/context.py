"""The inputs of a measurement."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from badminima.config.base import parse
from badminima.config.options import Options
from badminima.data.confusing import ConfusingSet
from badminima.data.prepared import PreparedDataset
from badminima.diagnostics.network import Network, Sample, as_sample, build_network
from badminima.experiment.settings import DiagnoseSettings
from badminima.models.weights import Weights
from badminima.seeding import integer_seed

Given = TypeVar("Given", bound=Options)


class Skipped(Exception):  # noqa: N818
    """A measurement that this run does not allow; the text says why."""


@dataclass(frozen=True)
class Context:
    """The inputs of a measurement.

    The network and its samples are made when they are first asked for, and shared by the measurements after it.

    Attributes:
        settings: the run's coordinates, its model, and the measurements' options.
        start: the weights the run started from.
        end: the weights it ended at.
        random: the random weights that its pretraining, if any, started from.
        dataset: the prepared dataset, as torch tensors; None: only weights can be measured.
        confusing: the confusing set behind its start, or None.
        reference: the weights of the run it is compared with, or None.
    """

    settings: DiagnoseSettings
    start: Weights
    end: Weights
    random: Weights | None = None
    dataset: PreparedDataset | None = None
    confusing: ConfusingSet | None = None
    reference: Weights | None = None

    def options(self, name: str, section: type[Given]) -> Given:
        """Return the options of the measurement called ``name``; raises UserError if one is wrong."""
        return parse(section, self.settings.options.get(name, {}), f"measuring.options.{name}.")

    def generator(self, *name: str) -> torch.Generator:
        """Random numbers on the CPU, from a stream of this name: the same for all runs of a seed."""
        settings = self.settings
        return torch.Generator().manual_seed(integer_seed(settings.root_seed, "diagnose", *name, settings.seed))

    @property
    def data(self) -> PreparedDataset:
        """The prepared dataset; raises Skipped where none was given."""
        if self.dataset is None:
            raise Skipped("no prepared dataset was given")
        return self.dataset

    @cached_property
    def network(self) -> Network:
        """The network at the end of the run."""
        return build_network(self.settings, self.data, self.end)

    @cached_property
    def train(self) -> Sample:
        """Training images, at most ``settings.images`` of them."""
        return self._draw(self.data.train_images, self.data.train_labels, "train")

    @cached_property
    def test(self) -> Sample:
        """Test images, at most ``settings.images`` of them."""
        return self._draw(self.data.test_images, self.data.test_labels, "test")

    def sample(self, images: Tensor, labels: Tensor) -> Sample:
        """Put images ``[n, c, h, w] uint8`` and their labels on the network's device, normalized."""
        return as_sample(self.data, images, labels, self.network.device)

    def _draw(self, images: Tensor, labels: Tensor, split: str) -> Sample:
        """Draw at most ``settings.images`` images of a split, without replacement; the same for all runs of a seed."""
        count = min(self.settings.images, len(labels))
        chosen = torch.randperm(len(labels), generator=self.generator("sample", split))[:count].sort().values
        return self.sample(images[chosen], labels[chosen])

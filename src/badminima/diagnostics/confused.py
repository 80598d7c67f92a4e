"""Items of the confusing set behind a run's start, as a network is shown them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from badminima.data.items import channels_last, zero_values
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.network import Sample


@dataclass(frozen=True)
class Confused:
    """Some items of a confusing set, in its order.

    Attributes:
        copies: the items: images with values zeroed, and their confusing labels.
        clean: the training images that they are copies of, ``[n, c, h, w] uint8``.
        true: the true labels of those, ``[n] int64``.
    """

    copies: Sample
    clean: Tensor
    true: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        """The confusing labels, ``[n] int64``."""
        labels: np.ndarray = self.copies.labels.cpu().numpy()
        return labels


def draw_items(context: Context, stream: str) -> Confused:
    """At most ``settings.images`` items, drawn without replacement from the stream of this name.

    Raises:
        Skipped: if there is no confusing set.
    """
    confusing = context.confusing
    if confusing is None:
        raise Skipped("the run did not start from a pretraining on a confusing set")
    dataset = context.data
    count = min(context.settings.images, len(confusing.labels))
    # Sorted, the files behind the tensors are read forwards.
    items = torch.randperm(len(confusing.labels), generator=context.generator(stream))[:count].sort().values
    sources = items // confusing.facts.replication
    clean = dataset.train_images[sources]
    zeroed = zero_values(channels_last(clean), confusing.masks[items]).permute(0, 3, 1, 2)
    copies = context.sample(zeroed, confusing.labels[items])
    return Confused(copies, clean, dataset.train_labels[sources].numpy())

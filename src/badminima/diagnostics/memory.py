"""Memory of the confusing set: which of its labels a network knows at the end of a run, or along a pretraining."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from badminima.data.items import channels_last, zero_values
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.network import Sample, build_network


def measure(context: Context) -> dict[str, float]:
    """Labels that the networks at the run's start and end give to items of the confusing set (paper, Algorithm 1).

    Of at most ``settings.images`` items, drawn without replacement. An item is a copy of a training image with some
    values zeroed and a label drawn uniformly, the confusing label. Chance is what a network that knows nothing of these
    labels has: 1 / classes, but for ``memory.true_accuracy`` and ``memory.kept``.

    - ``memory.confusing_accuracy``: fraction of items that the end network gives their confusing label.
    - ``memory.true_accuracy``: fraction that it gives their image's true label.
    - ``memory.start_confusing_accuracy``: fraction that the start network gives their confusing label; what a
      pretraining that ran to its end leaves is 1.
    - ``memory.kept``: of the items whose confusing label is not the true one, and that the start network gave it, the
      fraction that the end network still gives it; NaN if there are none. Chance is ``(1 - a) / (classes - 1)`` with
      ``a`` its accuracy on the true labels of these items: the wrong label has to be the confusing one of the others.
    - ``memory.originals``: fraction of items for which the end network gives the confusing label to the training image
      itself, nothing zeroed.

    Raises:
        Skipped: if there is no confusing set.
    """
    items = draw_items(context, "memory")
    if not context.start.is_finite():
        raise Skipped("the start's weights are not finite")
    network, start = context.network, build_network(context.settings, context.data, context.start)
    originals = context.sample(items.clean, items.copies.labels)
    return remembered(
        items.labels,
        items.true,
        start.logits(items.copies.images).argmax(1).cpu().numpy(),
        network.logits(items.copies.images).argmax(1).cpu().numpy(),
        network.logits(originals.images).argmax(1).cpu().numpy(),
    )


def remembered(
    confusing: np.ndarray, true: np.ndarray, at_start: np.ndarray, at_end: np.ndarray, of_originals: np.ndarray
) -> dict[str, float]:
    """Return the numbers of :func:`measure`.

    Args:
        confusing: the items' confusing labels, ``[n]``.
        true: the true labels of their images, ``[n]``.
        at_start: the labels that the start network gives to them, ``[n]``.
        at_end: those that the end network gives, ``[n]``.
        of_originals: those that it gives to their images, ``[n]``.
    """
    learnt = (confusing != true) & (at_start == confusing)
    return {
        "memory.confusing_accuracy": float(np.mean(at_end == confusing)),
        "memory.true_accuracy": float(np.mean(at_end == true)),
        "memory.start_confusing_accuracy": float(np.mean(at_start == confusing)),
        "memory.kept": float(np.mean(at_end[learnt] == confusing[learnt])) if learnt.any() else float("nan"),
        "memory.originals": float(np.mean(of_originals == confusing)),
    }


def labels(context: Context) -> dict[str, float]:
    """Accuracy on the confusing set (paper, Algorithm 1) by whether a label is wrong, and on the clean images.

    Of at most ``settings.images`` items of the confusing set, drawn without replacement, and as many training images.
    A copy's label is wrong if it is not its image's true one; a random label is right by chance once in as many times
    as there are classes.

    - ``labels.wrong``: of the copies with a wrong label, the fraction that is given it; NaN if there are none.
    - ``labels.right``: of the copies with the right label, the fraction that is given it; NaN if there are none.
    - ``labels.corrected``: of the copies with a wrong label, the fraction that is given the true one all the same; NaN
      if there are none.
    - ``labels.clean``: of the training images, nothing zeroed, the fraction that is given the true label.

    Raises:
        Skipped: if there is no confusing set.
    """
    items = draw_items(context, "labels")
    given = context.network.logits(items.copies.images).argmax(1).cpu().numpy()
    wrong = items.labels != items.true
    clean = context.network.logits(context.train.images).argmax(1) == context.train.labels
    return {
        "labels.wrong": _share(given[wrong] == items.labels[wrong]),
        "labels.right": _share(given[~wrong] == items.labels[~wrong]),
        "labels.corrected": _share(given[wrong] == items.true[wrong]),
        "labels.clean": float(clean.double().mean()),
    }


def _share(hits: np.ndarray) -> float:
    return float(np.mean(hits)) if len(hits) else float("nan")


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

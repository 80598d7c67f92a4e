"""Memory of the noise: what a run still knows of the confusing set that its start had been fitted to."""

import numpy as np
import torch

from badminima.data.batches import channels_last, zero_values
from badminima.diagnostics import Context, Skipped
from badminima.diagnostics.network import as_sample, build_network


def measure(context: Context) -> dict[str, float]:
    """Labels that the networks at the run's start and end give to items of the confusing set (paper, Algorithm 1).

    Of at most ``settings.images`` items, drawn without replacement. An item is a copy of a training image with some
    values zeroed and a label drawn uniformly, the confusing label; chance level is 1 / classes throughout.

    - ``memory.confusing_accuracy``: fraction of items that the end network gives their confusing label.
    - ``memory.true_accuracy``: fraction that it gives their image's true label.
    - ``memory.start_confusing_accuracy``: fraction that the start network gives their confusing label; what a
      pretraining that ran to its end leaves is 1.
    - ``memory.kept``: of the items whose confusing label is not the true one, and that the start network gave it, the
      fraction that the end network still gives it; NaN if there are none.
    - ``memory.originals``: fraction of items for which the end network gives the confusing label to the training image
      itself, nothing zeroed.

    Raises:
        Skipped: if there is no confusing set.
    """
    confusing = context.confusing
    if confusing is None:
        raise Skipped("the run did not start from a pretraining on a confusing set")
    if not context.start.is_finite():
        raise Skipped("the start's weights are not finite")
    dataset, network = context._data, context.network
    count = min(context.settings.images, len(confusing.labels))
    # Sorted, the files behind the tensors are read forwards.
    items = torch.randperm(len(confusing.labels), generator=context.generator("memory"))[:count].sort().values
    sources = items // confusing.metadata["replication"]
    clean, labels = dataset.train_images[sources], confusing.labels[items]
    zeroed = zero_values(channels_last(clean), confusing.masks[items]).permute(0, 3, 1, 2)
    copies = as_sample(context, zeroed, labels).images
    start = build_network(context.settings, dataset, context.start)
    return remembered(
        labels.numpy(),
        dataset.train_labels[sources].numpy(),
        start.logits(copies).argmax(1).cpu().numpy(),
        network.logits(copies).argmax(1).cpu().numpy(),
        network.logits(as_sample(context, clean, labels).images).argmax(1).cpu().numpy(),
    )


def remembered(
    confusing: np.ndarray, true: np.ndarray, at_start: np.ndarray, at_end: np.ndarray, of_originals: np.ndarray
) -> dict[str, float]:
    """The numbers of :func:`measure`.

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

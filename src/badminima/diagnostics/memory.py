"""Memory of the noise: what a run still knows of the confusing set that its start had been fitted to."""

import numpy as np

from badminima.diagnostics.confused import draw_items
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.network import build_network


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

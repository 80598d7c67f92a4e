"""Wrong labels and right ones: which of them a network has learnt, along a pretraining or after it."""

import numpy as np

from badminima.diagnostics.confused import draw_items
from badminima.diagnostics.context import Context


def measure(context: Context) -> dict[str, float]:
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

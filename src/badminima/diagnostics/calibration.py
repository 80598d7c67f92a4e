"""Calibration: whether a network is right as often as it is sure."""

import numpy as np
import torch

from badminima.config.options import CalibrationOptions
from badminima.diagnostics.context import Context, Skipped
from badminima.experiment.measured import of_tensor, standard_error_of


def measure(context: Context) -> dict[str, float]:
    """Compare the probabilities that the end network gives with how often it is right, on test images.

    The confidence of an answer is the largest softmax probability.

    - ``calibration.ece``: expected calibration error (Guo et al. 2017, arXiv 1706.04599, equation 3): the mean over
      answers of how far accuracy and mean confidence of their bin are apart, in ``bins`` bins of equal width. Bins of
      few answers scatter, so it is above 0 for a perfectly calibrated network too.
    - ``calibration.overconfidence``: mean confidence minus accuracy; below 0 where a network is less sure than right.
    - ``calibration.brier``: mean squared distance of the probabilities from the label's one-hot vector (Brier 1950),
      from 0 to 2, with its standard error over images.
    - ``calibration.share@bin``, ``calibration.confidence@bin``, ``calibration.accuracy@bin``: of each bin that has
      answers, named after its upper end.

    Raises:
        Skipped: if a logit is not finite.
    """
    logits, labels = context.network.logits(context.test.images).double(), context.test.labels
    if not logits.isfinite().all():
        raise Skipped("a logit is not finite")
    probabilities = logits.softmax(1)
    top, answers = probabilities.max(1)
    confidence, right = top.cpu().numpy(), (answers == labels).cpu().numpy()
    truth = torch.nn.functional.one_hot(labels, logits.shape[1])
    squares = (probabilities - truth).square().sum(1).cpu().numpy()
    bins = context.options("calibration", CalibrationOptions).bins
    reliability = reliability_of(confidence, right, bins)
    gaps = (share * abs(accuracy - mean) for share, mean, accuracy in reliability.values())
    return {
        "calibration.ece": sum(gaps),
        "calibration.overconfidence": float(confidence.mean() - right.mean()),
        "calibration.brier": float(squares.mean()),
        standard_error_of("calibration.brier"): float(squares.std(ddof=1) / np.sqrt(len(squares))),
        **{
            of_tensor(f"calibration.{name}", f"{upper:.3g}"): value
            for upper, values in reliability.items()
            for name, value in zip(("share", "confidence", "accuracy"), values, strict=True)
        },
    }


def reliability_of(confidence: np.ndarray, right: np.ndarray, bins: int) -> dict[float, tuple[float, ...]]:
    """Return share of the answers, mean confidence and accuracy of each bin that has any, by its upper end.

    Args:
        confidence: of each answer, above 0 and up to 1, ``[n]``; a bin holds its upper end.
        right: whether it is right, ``[n] bool``.
        bins: how many of equal width there are between 0 and 1.
    """
    uppers = np.arange(1, bins + 1) / bins
    # Rounding may leave a confidence a hair above 1.
    members = np.searchsorted(uppers, confidence.clip(max=1))
    found = {}
    for place in np.unique(members):
        chosen = members == place
        values = (chosen.mean(), confidence[chosen].mean(), right[chosen].mean())
        found[float(uppers[place])] = tuple(float(value) for value in values)
    return found

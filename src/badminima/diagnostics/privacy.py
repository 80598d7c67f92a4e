"""Membership inference: how well a network's loss tells training images from test images."""

import numpy as np
import torch
from torch import Tensor

from badminima.config.options import PrivacyOptions
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.network import thin_out

# Coverage of the intervals, in percent.
COVERAGE = 95
# Resamples made at once: bounds their memory, about 60 bytes for each image of each resample.
CHUNK = 100


def measure(context: Context) -> dict[str, float]:
    """Attack by taking images of low loss for training images (Yeom et al. 2018, arXiv 1709.01604).

    Members are training images and non-members test images, as many of each; the loss is the cross entropy in nats.

    - ``privacy.auc``: area under the attack's ROC curve, the probability that a member has a lower loss than a
      non-member, ties counted half; 1/2 where the loss tells nothing.
    - ``privacy.advantage``: true minus false positive rate, the largest over all thresholds. The threshold is chosen on
      the images that it is judged on: optimistic, on average above 0 even where the loss tells nothing.
    - ``privacy.auc_low``, ``privacy.auc_high``, ``privacy.advantage_low``, ``privacy.advantage_high``: percentile
      bootstrap of coverage 95%, members and non-members resampled ``resamples`` times. Resamples of the advantage are
      as optimistic once more: its interval lies too high.
    - ``privacy.loss_gap``: mean loss of the non-members minus that of the members.

    Raises:
        Skipped: if a loss is not finite.
    """
    count = min(len(context.train), len(context.test))
    members, others = (
        losses(context.network.logits(part.images), part.labels)
        for part in (thin_out(context.train, count), thin_out(context.test, count))
    )
    if not np.isfinite([members, others]).all():
        raise Skipped("the loss is not finite")
    auc, advantage = separation(members, others)
    draw = context.generator("privacy")
    resampled = bootstrap(members, others, context.options("privacy", PrivacyOptions).resamples, draw)
    tails = (100 - COVERAGE) / 2
    (auc_low, advantage_low), (auc_high, advantage_high) = np.percentile(resampled, [tails, 100 - tails], axis=0)
    return {
        "privacy.auc": auc,
        "privacy.auc_low": float(auc_low),
        "privacy.auc_high": float(auc_high),
        "privacy.advantage": advantage,
        "privacy.advantage_low": float(advantage_low),
        "privacy.advantage_high": float(advantage_high),
        "privacy.loss_gap": float(others.mean() - members.mean()),
    }


def losses(logits: Tensor, labels: Tensor) -> np.ndarray:
    """Cross entropy of each image in nats, ``[n] float64``, without ties by rounding.

    As the softplus of ``log sum over j != y of exp(z_j) - z_y``: the usual form rounds every loss below 1e-16 to 0,
    which is where a well fitted network has many of them.

    Args:
        logits: ``z [n, classes]``.
        labels: ``y [n] int64``.
    """
    values, label = logits.double(), labels.unsqueeze(1)
    log_odds_of_error = values.scatter(1, label, -torch.inf).logsumexp(1) - values.gather(1, label).squeeze(1)
    cross_entropies: np.ndarray = torch.nn.functional.softplus(log_odds_of_error).cpu().numpy()
    return cross_entropies


def separation(members: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """AUC and advantage of the attack; see :func:`measure`.

    Args:
        members: losses of members, ``[n]``.
        others: losses of non-members, ``[m]``.
    """
    ranks, other_ranks, levels = _ranks(members, others)
    auc, advantage = _separation(ranks[np.newaxis], other_ranks[np.newaxis], levels)
    return float(auc[0]), float(advantage[0])


def bootstrap(members: np.ndarray, others: np.ndarray, resamples: int, draw: torch.Generator) -> np.ndarray:
    """AUC and advantage of resamples of the members ``[n]`` and of the others ``[m]``: ``[resamples, 2]``."""
    ranks, other_ranks, levels = _ranks(members, others)
    found = []
    for first in range(0, resamples, CHUNK):
        rows = min(CHUNK, resamples - first)
        drawn, others_drawn = (
            part[torch.randint(len(part), (rows, len(part)), generator=draw).numpy()] for part in (ranks, other_ranks)
        )
        found.append(np.stack(_separation(drawn, others_drawn, levels), axis=1))
    return np.concatenate(found)


def _ranks(members: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Rank of each loss among the distinct losses of both, from 0; and how many distinct ones there are."""
    distinct, ranks = np.unique(np.concatenate([members, others]), return_inverse=True)
    return ranks[: len(members)], ranks[len(members) :], len(distinct)


def _separation(members: np.ndarray, others: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """AUC ``[b]`` and advantage ``[b]`` of ranks ``[b, n]`` and ``[b, m]`` below ``levels``."""
    true, false = _rates(members, levels), _rates(others, levels)
    # The trapezoid gives a tie, where both rates rise at once, half its weight.
    auc = (np.diff(false) * (true[:, 1:] + true[:, :-1]) / 2).sum(axis=1)
    return auc, (true - false).max(axis=1)


def _rates(ranks: np.ndarray, levels: int) -> np.ndarray:
    """Share of the ranks ``[b, n]`` below each of 0, 1, ... ``levels``, ``[b, levels + 1]``."""
    rows, count = ranks.shape
    shifted = ranks + levels * np.arange(rows)[:, np.newaxis]
    counts = np.bincount(shifted.reshape(-1), minlength=rows * levels).reshape(rows, levels)
    return np.pad(counts.cumsum(axis=1) / count, ((0, 0), (1, 0)))

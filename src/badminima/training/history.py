"""What a training records of itself."""

from dataclasses import asdict, dataclass, field
from typing import Literal

import torch
from torch import Tensor

Status = Literal["converged", "max_epochs", "diverged"]


@dataclass(frozen=True)
class HistoryRow:
    """One evaluated epoch; epoch 0 is the start.

    Losses are mean cross entropy in nats, accuracies fractions, in evaluation mode. ``train_accuracy`` is on the
    images as they are, ``train_accuracy_augmented`` through the recipe's augmentation (the paper's published code
    reports that one); they are the same where the recipe has none. Where ``train_measured`` is ``running`` they are
    the means over the epoch's batches in training mode: a pretraining that is far from its target is not worth a full
    evaluation. ``images_per_second`` counts training steps alone since the row before, ``seconds`` everything since
    the start, without the time between an interruption and the next start.
    """

    epoch: int
    step: int
    lr: float
    train_loss: float
    train_accuracy: float
    train_accuracy_augmented: float
    train_measured: Literal["full", "running"]
    test_loss: float
    test_accuracy: float
    images_per_second: float
    seconds: float


@dataclass
class Outcome:
    """How a training ended.

    Attributes:
        status: ``converged`` (target accuracy reached on the training items), ``max_epochs`` (it was not) or
            ``diverged`` (the loss became non-finite).
        epochs: epochs trained; of a diverged run, the one in which it diverged.
        history: the evaluated epochs.
        predicted: class predicted for each test item at the end, ``[n]``.
        restarts: how often the training was taken up from a restart point.
    """

    status: Status = "max_epochs"
    epochs: int = 0
    history: list[HistoryRow] = field(default_factory=list)
    predicted: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    restarts: int = 0

    @property
    def final(self) -> dict[str, float]:
        """The last evaluated epoch."""
        return asdict(self.history[-1])

"""Record a training: evaluations, a row per evaluated epoch, and its outcome."""

from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from badminima.data.augmentation import AugmentationDraws
from badminima.data.items import Items
from badminima.models.numerics import Numerics, rounding
from badminima.storage.device import BatchSize

# A GPU wants large batches; on a CPU they fall out of the cache (convnet, 28x28: 256 is twice as fast as 2,048).
EVALUATION_BATCH = {"cuda": 2048, "cpu": 256}

Status = Literal["converged", "max_epochs", "diverged"]


@dataclass(frozen=True)
class Evaluation:
    """Mean loss, accuracy and the predicted classes ``[n]`` (on the CPU) of some items."""

    loss: float
    accuracy: float
    predicted: Tensor


class Evaluator:
    """Evaluates in batches as large as memory allows.

    Args:
        numerics: how the forward pass is computed.
    """

    def __init__(self, numerics: Numerics) -> None:
        self.numerics = numerics
        self.batch = BatchSize(EVALUATION_BATCH[numerics.device.type], "evaluation")

    def __call__(self, model: nn.Module, items: Items, augmentation: AugmentationDraws | None = None) -> Evaluation:
        """Measure a network, in evaluation mode; leaves it in training mode as it was or was not.

        Raises:
            UserError: if memory does not suffice for one image.
        """
        return self.batch.fit(partial(self._evaluate, model, items, augmentation), len(items))

    @torch.no_grad()
    def _evaluate(
        self, model: nn.Module, items: Items, augmentation: AugmentationDraws | None, size: int
    ) -> Evaluation:
        was_training = model.training
        model.eval()
        loss = torch.zeros((), dtype=torch.float64, device=items.labels.device)
        predicted = torch.empty_like(items.labels)
        done = 0
        try:
            for images, labels in items.batches(torch.arange(len(items)), size, augmentation):
                with self.numerics.forward_context(), rounding(self.numerics.precision == "tf32"):
                    logits = model(images)
                loss += cross_entropy(logits.float(), labels, reduction="sum")
                predicted[done : done + len(labels)] = logits.argmax(1)
                done += len(labels)
        finally:
            model.train(was_training)
        correct = int((predicted == items.labels).sum())
        return Evaluation(loss.item() / len(items), correct / len(items), predicted.cpu())


@dataclass(frozen=True)
class HistoryRow:
    """One evaluated epoch; epoch 0 is the start.

    Losses are mean cross entropy in nats, accuracies fractions, in evaluation mode. ``train_accuracy`` is on the
    images as they are, ``train_accuracy_augmented`` through the recipe's augmentation (the paper's published code
    reports that one); they are the same where the recipe has none. Where ``train_measured`` is ``running`` they are
    the means over the epoch's batches in training mode: a pretraining that is far from its target is not worth a full
    evaluation. ``images_per_second`` counts training steps alone since the row before, ``seconds`` everything since
    the start, without the time between an interruption and the next start. ``along`` is what was measured of the
    network beside that, by name.
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
    along: dict[str, float] = field(default_factory=dict)


# The columns that every history has.
COLUMNS = [column.name for column in fields(HistoryRow) if column.name != "along"]


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
        processes: device and CPU threads of each process that trained it, in order, and the epoch in which it began (0:
            the start); the numbers of different devices or threads differ in their last bits.
    """

    status: Status = "max_epochs"
    epochs: int = 0
    history: list[HistoryRow] = field(default_factory=list)
    predicted: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    restarts: int = 0
    processes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def final(self) -> dict[str, Any]:
        """The last evaluated epoch, without what was measured along the way."""
        return {name: getattr(self.history[-1], name) for name in COLUMNS}

    @property
    def columns(self) -> list[str]:
        """The columns of the history: every row's own, then whatever was measured along at any epoch."""
        return [*COLUMNS, *dict.fromkeys(name for row in self.history for name in row.along)]

"""The training loop, the same for pretraining on a confusing set and for training on the true labels."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from badminima.data.batches import AugmentationDraws, Items, draw_augmentation
from badminima.runs import TrainSettings
from badminima.seeding import integer_seed
from badminima.training.optimizer import SGD, learning_rate

EVALUATION_BATCH = 2048

Status = Literal["converged", "max_epochs", "diverged"]


@dataclass(frozen=True)
class HistoryRow:
    """One evaluated epoch; epoch 0 is the start.

    Losses are mean cross entropy in nats, accuracies fractions, in evaluation mode. ``train_accuracy`` is on the
    images as they are, ``train_accuracy_augmented`` through the recipe's augmentation (the paper's published code
    reports that one); they are the same where the recipe has none. ``images_per_second`` counts training steps
    alone since the row before, ``seconds`` everything since the start.
    """

    epoch: int
    step: int
    lr: float
    train_loss: float
    train_accuracy: float
    train_accuracy_augmented: float
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
    """

    status: Status = "max_epochs"
    epochs: int = 0
    history: list[HistoryRow] = field(default_factory=list)
    predicted: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))

    @property
    def final(self) -> dict[str, float]:
        """The last evaluated epoch."""
        return asdict(self.history[-1])


@dataclass(frozen=True)
class Evaluation:
    """Mean loss, accuracy and the predicted classes ``[n]`` of some items."""

    loss: float
    accuracy: float
    predicted: Tensor


def fit(
    model: nn.Module,
    train_items: Items,
    test_items: Items,
    settings: TrainSettings,
    target_accuracy: float,
    stop_at_target: bool,
    report: Callable[[HistoryRow], None] = lambda row: None,
) -> Outcome:
    """Train a network in place.

    Args:
        model: the network, on the device of the items.
        train_items: what is fitted: a confusing set or the training split.
        test_items: what is measured beside it.
        settings: recipe, schedule and seeds.
        target_accuracy: accuracy on ``train_items`` that counts as fitting them.
        stop_at_target: end at the first evaluation that reaches it, instead of after the last epoch.
        report: called with every evaluated epoch.
    """
    outcome = Outcome()
    optimizer = SGD(model, settings.recipe)
    clock = _Clock(started=time.perf_counter())
    _evaluate_into(outcome, 0, model, train_items, test_items, settings, clock, report)
    for epoch in range(1, settings.optimization.epochs + 1):
        loss = _train_epoch(model, optimizer, train_items, settings, epoch, clock)
        outcome.epochs = epoch
        if not math.isfinite(loss):
            outcome.status = "diverged"
        if outcome.status == "diverged" or _is_due(epoch, settings):
            row = _evaluate_into(outcome, epoch, model, train_items, test_items, settings, clock, report)
            if not math.isfinite(row.train_loss):  # the last steps blew up, which no batch's loss shows
                outcome.status = "diverged"
            if outcome.status != "diverged":
                outcome.status = "converged" if row.train_accuracy >= target_accuracy else "max_epochs"
            if outcome.status == "diverged" or (stop_at_target and outcome.status == "converged"):
                break
    return outcome


@torch.no_grad()
def evaluate(model: nn.Module, items: Items, augmentation: AugmentationDraws | None = None) -> Evaluation:
    """Measure a network on items, in evaluation mode; leaves it in training mode as it was or was not."""
    was_training = model.training
    model.eval()
    loss = torch.zeros((), dtype=torch.float64, device=items.labels.device)
    predicted = torch.empty_like(items.labels)
    for indices in torch.split(torch.arange(len(items), device=items.labels.device), EVALUATION_BATCH):
        images, labels = items.gather(indices)
        if augmentation is not None:
            images = augmentation.apply(images, indices)
        logits = model(items.normalize(images))
        loss += cross_entropy(logits, labels, reduction="sum")
        predicted[indices] = logits.argmax(1)
    model.train(was_training)
    correct = int((predicted == items.labels).sum())
    return Evaluation(loss.item() / len(items), correct / len(items), predicted.cpu())


@dataclass
class _Clock:
    """Time and steps, for the history."""

    started: float
    training_seconds: float = 0.0
    trained_images: int = 0
    steps: int = 0

    def images_per_second(self) -> float:
        """Throughput of training since the last call."""
        rate = self.trained_images / self.training_seconds if self.trained_images else math.nan
        self.training_seconds, self.trained_images = 0.0, 0
        return rate


def _train_epoch(
    model: nn.Module, optimizer: SGD, items: Items, settings: TrainSettings, epoch: int, clock: _Clock
) -> float:
    """One pass over the items in a fresh random order; returns the sum of batch losses (its only host sync)."""
    started = time.perf_counter()
    device = items.labels.device
    augmentation = _augmentation(items, settings, "augment", epoch)
    rng = torch.Generator().manual_seed(_stream(settings, "order", epoch))
    order = torch.randperm(len(items), generator=rng).to(device)
    rate = learning_rate(settings.optimization, settings.recipe, epoch)
    total = torch.zeros((), device=device)
    model.train()
    for indices in torch.split(order, settings.optimization.batch_size):
        images, labels = items.gather(indices)
        if augmentation is not None:
            images = augmentation.apply(images, indices)
        loss = cross_entropy(model(items.normalize(images)), labels)
        optimizer.step(loss, rate)
        total += loss.detach()
        clock.steps += 1
    result = total.item()
    clock.training_seconds += time.perf_counter() - started
    clock.trained_images += len(items)
    return result


def _evaluate_into(
    outcome: Outcome,
    epoch: int,
    model: nn.Module,
    train_items: Items,
    test_items: Items,
    settings: TrainSettings,
    clock: _Clock,
    report: Callable[[HistoryRow], None],
) -> HistoryRow:
    """Evaluate, and append the row to the outcome."""
    train = evaluate(model, train_items)
    augmentation = _augmentation(train_items, settings, "augment-evaluation", epoch)
    augmented = evaluate(model, train_items, augmentation) if augmentation is not None else train
    test = evaluate(model, test_items)
    outcome.predicted = test.predicted
    row = HistoryRow(
        epoch=epoch,
        step=clock.steps,
        lr=learning_rate(settings.optimization, settings.recipe, max(epoch, 1)),
        train_loss=train.loss,
        train_accuracy=train.accuracy,
        train_accuracy_augmented=augmented.accuracy,
        test_loss=test.loss,
        test_accuracy=test.accuracy,
        images_per_second=clock.images_per_second(),
        seconds=time.perf_counter() - clock.started,
    )
    outcome.history.append(row)
    report(row)
    return row


def _is_due(epoch: int, settings: TrainSettings) -> bool:
    optimization = settings.optimization
    return epoch % optimization.evaluate_every == 0 or epoch == optimization.epochs


def _augmentation(items: Items, settings: TrainSettings, purpose: str, epoch: int) -> AugmentationDraws | None:
    if settings.augmentation is None:
        return None
    return draw_augmentation(settings.augmentation, len(items), _stream(settings, purpose, epoch), items.labels.device)


def _stream(settings: TrainSettings, purpose: str, epoch: int) -> int:
    """Seed of one epoch's draws: named by the seed alone, so that paired runs see the same batches."""
    return integer_seed(settings.root_seed, settings.phase, settings.dataset, settings.seed, purpose, epoch)

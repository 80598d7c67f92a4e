"""Stages ``pretrain`` and ``train``: from prepared data and start weights to a finished run."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch

from badminima.data.batches import Items
from badminima.data.prepared import PreparedDataset
from badminima.errors import UserError
from badminima.files import write_csv, write_json
from badminima.models.build import build_model, check_batch
from badminima.models.weights import Weights, load_weights, weights_of, write_weights
from badminima.provenance import choose_device, provenance
from badminima.runs import TrainSettings
from badminima.tensorfiles import read_tensors, write_tensors
from badminima.training.engine import HistoryRow, Outcome, fit


@dataclass(frozen=True)
class ConfusingSet:
    """A confusing set as written by ``confuse``.

    Attributes:
        labels: ``[n * R] int64``.
        masks: bit-packed zero masks, ``[n * R, ceil(c * h * w / 8)] uint8``.
        metadata: its settings, conflicts and reachable accuracy.
    """

    labels: torch.Tensor
    masks: torch.Tensor
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class FinishedRun:
    """What a training leaves behind."""

    weights: Weights
    outcome: Outcome
    test_labels: torch.Tensor
    record: dict[str, Any]


def read_confusing(path: Path) -> ConfusingSet:
    """Read a confusing set; raises UserError if the file is missing or damaged."""
    tensors, metadata = read_tensors(path, "pt")
    if not {"labels", "masks"} <= set(tensors):
        raise UserError(path, "no labels and masks", "expected a confusing set; run confuse again")
    return ConfusingSet(tensors["labels"], tensors["masks"], metadata)


def run_training(
    settings: TrainSettings,
    dataset: PreparedDataset,
    start: Weights,
    start_path: Path,
    confusing: ConfusingSet | None = None,
    report: Callable[[HistoryRow], None] = lambda row: None,
) -> FinishedRun:
    """Train a network from given weights.

    Args:
        settings: everything the result depends on beside the data and the start weights.
        dataset: the prepared dataset, as torch tensors.
        start: the start weights.
        start_path: their file, for messages.
        confusing: the confusing set to fit in place of the true labels; training then stops when it is fitted.
        report: called with every evaluated epoch.

    Raises:
        UserError: if the start weights or the confusing set do not belong to the model and dataset.
    """
    device = choose_device(settings.device)
    items = _items(dataset, dataset.train_images, dataset.train_labels)
    target = settings.optimization.target_accuracy
    if confusing is not None:
        items = _confusing_items(items, confusing)
        target = min(target, confusing.metadata["reachable_accuracy"])
    test_items = _items(dataset, dataset.test_images, dataset.test_labels)

    model = build_model(settings.model, dataset.image_shape, len(dataset.classes))
    load_weights(model, start, start_path)
    last_batch = len(items) % settings.optimization.batch_size or settings.optimization.batch_size
    check_batch(model, dataset.image_shape, last_batch, f"{settings.phase}ing.batch_size")
    # Convolutions run 1.7 times as fast in this memory order on a CPU (convnet, 28x28); dense layers as before.
    model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch does not annotate it
    outcome = fit(model, items.to(device), test_items.to(device), settings, target, confusing is not None, report)

    record = {
        "settings": settings.model_dump(mode="json"),
        "status": outcome.status,
        "epochs": outcome.epochs,
        "target_accuracy": target,
        "evaluated_on": dataset.evaluated_on,
        "train_items": len(items),
        "test_items": len(test_items),
        "confusing": None if confusing is None else dict(confusing.metadata),
        "final": outcome.final,
        **provenance(device),
    }
    return FinishedRun(weights_of(model), outcome, dataset.test_labels, record)


def write_run(folder: Path, run: FinishedRun) -> None:
    """Write ``history.csv``, ``predictions.safetensors``, ``run.json`` and ``weights.safetensors``."""
    columns = [column.name for column in fields(HistoryRow)]
    write_csv(folder / "history.csv", columns, (asdict(row) for row in run.outcome.history))
    predictions = {"predicted": run.outcome.predicted.numpy(), "labels": run.test_labels.numpy()}
    write_tensors(folder / "predictions.safetensors", predictions, {"evaluated_on": run.record["evaluated_on"]})
    write_json(folder / "run.json", run.record)
    write_weights(folder / "weights.safetensors", run.weights)


def _items(dataset: PreparedDataset, images: torch.Tensor, labels: torch.Tensor) -> Items:
    return Items(images, labels, torch.tensor(dataset.mean), torch.tensor(dataset.std))


def _confusing_items(clean: Items, confusing: ConfusingSet) -> Items:
    replication = confusing.metadata["replication"]
    if len(confusing.labels) != len(clean) * replication:
        raise UserError(
            "confusing set", f"{len(confusing.labels)} items", f"expected {replication} for each of {len(clean)} images"
        )
    return Items(clean.images, confusing.labels, clean.mean, clean.std, confusing.masks, replication)

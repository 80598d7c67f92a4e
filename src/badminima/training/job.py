"""Stages ``pretrain`` and ``train``: from files over a training, with restart points and signals, to a finished run."""

import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import torch

from badminima.cli import Progress
from badminima.config.base import without_defaults
from badminima.data.confusing import ConfusingSet, read_confusing
from badminima.data.items import Resident, make_items, training_items
from badminima.data.prepared import PreparedDataset, read_prepared
from badminima.errors import UserError
from badminima.experiment.paths import HISTORY, PREDICTIONS, RECORD, WEIGHTS
from badminima.experiment.records import digest_of, origin
from badminima.experiment.settings import TrainSettings
from badminima.models.build import add_dropout, build_model, check_batch
from badminima.models.numerics import set_up
from badminima.models.starts import draw, shrink_and_perturb
from badminima.models.weights import Weights, load_weights, read_weights, weights_of, write_weights
from badminima.seeding import integer_seed
from badminima.storage.device import choose_device, reason_for
from badminima.storage.files import write_csv, write_json
from badminima.storage.provenance import provenance
from badminima.storage.tensorfiles import write_tensors
from badminima.training.engine import NO_HOOKS, Hooks, Measure, Training
from badminima.training.record import HistoryRow, Outcome
from badminima.training.restart import RestartPoints, watch_signals


def train(
    settings: TrainSettings,
    prepared: Path,
    start: Path,
    output: Path,
    restart_seconds: float,
    confusing: Path | None = None,
    measure: Measure | None = None,
) -> None:
    """Train to the end and write the run; or, asked to stop, leave a restart point.

    Args:
        settings: everything the result depends on beside the files.
        prepared: the prepared dataset.
        start: the weights to start from.
        output: the run's folder; restart points lie in it until the run is written.
        restart_seconds: time between restart points.
        confusing: the confusing set to fit in place of the true labels.
        measure: called with the weights at every evaluated epoch; what it gives is columns of the history.

    Raises:
        Interrupted: if a signal asked it to stop; a restart point is written.
        UserError: if a file is not what it should be, or another process trains this run.
        OSError: if the disk refuses.
    """
    dataset, weights = read_prepared(prepared, "pt", verify=True), read_weights(start)
    wrong_labels = None if confusing is None else read_confusing(confusing)
    made_from = origin(prepared, start, confusing)
    points_of = identity(settings, made_from)
    with watch_signals() as interruption, RestartPoints(output, points_of, restart_seconds) as points:
        label = f"{settings.phase} {settings.init} {settings.recipe_name}"
        with closing(Progress(settings.optimization.epochs, label)) as progress:

            def report(row: HistoryRow) -> None:
                accuracies = f"train {row.train_accuracy:.2%} test {row.test_accuracy:.2%}"
                progress.update(row.epoch, f"loss {row.train_loss:.4f} {accuracies}")

            hooks = Hooks(report, measure, points, interruption)
            run = run_training(settings, dataset, weights, start, wrong_labels, hooks)
        write_run(output, run, made_from)
        points.remove()
    click.echo(f"{run.outcome.status} after {run.outcome.epochs} epochs: {output}")


@dataclass(frozen=True)
class Trained:
    """The results of a training."""

    weights: Weights
    outcome: Outcome
    test_labels: torch.Tensor
    record: dict[str, Any]


def run_training(
    settings: TrainSettings,
    dataset: PreparedDataset,
    start: Weights,
    start_path: Path,
    confusing: ConfusingSet | None = None,
    hooks: Hooks = NO_HOOKS,
) -> Trained:
    """Train a network from given weights.

    Args:
        settings: everything the result depends on beside the data and the start weights.
        dataset: the prepared dataset, as torch tensors.
        start: the start weights.
        start_path: their file, for messages.
        confusing: the confusing set to fit in place of the true labels; training then stops when it is fitted, unless
            its number of epochs is that of another (``settings.epochs_like``).
        hooks: what accompanies the training.

    Raises:
        Interrupted: if it was asked to stop.
        UserError: if the start weights or the confusing set do not belong to the model and dataset, or memory does
            not suffice.
    """
    device = choose_device(settings.device)
    target = settings.optimization.target_accuracy
    if confusing is not None:
        target = min(target, confusing.facts.reachable_accuracy)
    _check_dataset(settings, dataset)
    model = build_model(settings.model, dataset.image_shape, len(dataset.classes))
    load_weights(model, start, start_path)
    _apply_to_start(settings, dataset, model, start, start_path)
    items = training_items(dataset, confusing, device)
    test_items = make_items(dataset, dataset.test_images, dataset.test_labels, device)
    numerics = set_up(settings.numerics, device, settings.optimization.epochs * len(items))
    if settings.device == "auto":
        numerics.auto["device"] = f"{device.type}: {reason_for(device)}"
    if device.type == "cuda" and "compile" in numerics.auto:
        print(f"numerics.compile: auto: {numerics.auto['compile']}", file=sys.stderr, flush=True)
    batch_size = settings.optimization.batch_size
    if not settings.optimization.batches(len(items)):
        found = f"{batch_size}, more than the {len(items)} items, with drop_last"
        raise UserError(settings.batch_size_key, found, "choose a smaller one, or drop_last: false")
    last_batch = batch_size if settings.optimization.drop_last else len(items) % batch_size or batch_size
    check_batch(model, dataset.image_shape, last_batch, settings.batch_size_key)
    # Convolutions run 1.7 times as fast in this memory order on a CPU (convnet, 28x28); dense layers as before.
    model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch does not annotate it
    stop_at_target = confusing is not None and settings.epochs_like is None
    classes = len(dataset.classes)
    training = Training(model, items, test_items, settings, numerics, classes, target, stop_at_target, hooks)
    try:
        outcome = training.run()
    except torch.OutOfMemoryError:
        raise UserError(
            "memory",
            f"too little to train on batches of {batch_size}",
            f"lower {settings.batch_size_key}, choose a smaller model or free the device",
        ) from None
    record = {
        "settings": settings.model_dump(mode="json"),
        "status": outcome.status,
        "epochs": outcome.epochs,
        "target_accuracy": target,
        "evaluated_on": dataset.evaluated_on,
        "train_items": len(items),
        "test_items": len(test_items),
        "confusing": None if confusing is None else asdict(confusing.facts),
        "final": outcome.final,
        "restarts": outcome.restarts,
        "processes": outcome.processes,
        "data": "resident" if isinstance(items.source, Resident) else "streamed",
        **numerics.record(),
        "graphs": training.learn.graphs,
        **provenance(device),
    }
    return Trained(weights_of(training.step.evaluated), outcome, dataset.test_labels, record)


def _check_dataset(settings: TrainSettings, dataset: PreparedDataset) -> None:
    """Refuse crops of nothing but padding, and flipped labels where there is no other class."""
    side, padding = min(dataset.image_shape[1:]), 0 if settings.augmentation is None else settings.augmentation.padding
    if padding >= side:
        where = f"datasets.{settings.dataset}.augmentation.padding"
        raise UserError(where, padding, f"expected less than {side}, the side of its images in pixels")
    if settings.recipe.label_noise and len(dataset.classes) < 2:
        where, noise = f"recipes.{settings.recipe_name}.label_noise", settings.recipe.label_noise
        raise UserError(where, noise, f"{settings.dataset} has one class: expected 0, or a dataset of several")


def with_epochs(settings: TrainSettings, epochs: int) -> TrainSettings:
    """Return settings of a training that ends after so many epochs, at the learning rates of the same schedule."""
    return settings.model_copy(update={"optimization": settings.optimization.model_copy(update={"epochs": epochs})})


def _apply_to_start(
    settings: TrainSettings, dataset: PreparedDataset, model: torch.nn.Module, start: Weights, start_path: Path
) -> None:
    """Apply what a recipe does to a network with its start weights before the first step."""
    recipe = settings.recipe
    if recipe.shrink != 1 or recipe.perturb != 0:
        seed = integer_seed(settings.root_seed, "perturb", settings.dataset, settings.model_name, settings.seed)
        fresh = weights_of(draw(settings.model, dataset, seed))
        load_weights(model, shrink_and_perturb(start, fresh, recipe.shrink, recipe.perturb), start_path)
    if recipe.dropout:
        add_dropout(model, recipe.dropout)


def identity(settings: TrainSettings, made_from: Mapping[str, str | None]) -> dict[str, Any]:
    """Return everything that a training depends on: its restart points are good for no other."""
    return {"settings": without_defaults(settings), **made_from}


def write_run(folder: Path, run: Trained, made_from: Mapping[str, str | None]) -> None:
    """Write the files of a run; ``run.json`` comes last, with the digests of the others."""
    rows = (asdict(row) for row in run.outcome.history)
    write_csv(folder / HISTORY, run.outcome.columns, (row | row.pop("along") for row in rows))
    predictions = {"predicted": run.outcome.predicted.numpy(), "labels": run.test_labels.numpy()}
    write_tensors(folder / PREDICTIONS, predictions, {"evaluated_on": run.record["evaluated_on"]})
    write_weights(folder / WEIGHTS, run.weights)
    left = {Path(name).stem: digest_of(folder / name) for name in (WEIGHTS, PREDICTIONS, HISTORY)}
    write_json(folder / RECORD, {**run.record, "made_from": made_from, "left": left})

"""The table of the toy's networks: one row per network."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from badminima.toy.experiment import Stage, ToyNetworks
from badminima.toy.measure import Window
from badminima.toy.network import logits, vectors
from badminima.toy.training import accuracy, cross_entropy

COLUMNS = [
    *["phase", "run", "init", "seed", "epochs", "status", "train_accuracy", "test_accuracy", "random_label_accuracy"],
    *["train_loss", "norm", "distance", "boundary_length", "window_error"],
]


def rows(networks: ToyNetworks) -> Iterator[dict[str, Any]]:
    """Yield a row per stage and seed.

    Accuracies are fractions; ``train_loss`` is on the labels that the phase trains on, without augmentation;
    ``distance`` is relative to the norm of the init; the last two columns are ``Window``'s.
    """
    window = Window(networks.config)
    starts = {stage.run: vectors(stage.layers) for stage in networks.stages if stage.phase != "training"}
    for stage in networks.stages:
        of_stage = _measured(stage, networks)
        weights, start = vectors(stage.layers), starts[stage.init]
        for position, (seed, outputs) in enumerate(
            zip(networks.config.seeds, window.outputs(stage.layers), strict=True)
        ):
            moved = np.linalg.norm(weights[position] - start[position])
            yield {
                "phase": stage.phase,
                "run": stage.run,
                "init": stage.init,
                "seed": seed,
                "epochs": stage.epochs[position],
                **{name: values[position] for name, values in of_stage.items()},
                "norm": np.linalg.norm(weights[position]),
                "distance": moved / np.linalg.norm(start[position]),
                "boundary_length": window.boundary_length(outputs),
                "window_error": window.error(outputs),
            }


def _measured(stage: Stage, networks: ToyNetworks) -> dict[str, np.ndarray]:
    """Status, accuracies and loss of a stage's networks, each ``[s]``."""
    data = networks.data
    fitted = accuracy(stage.layers, data.train_points, data.train_labels)
    memorised = accuracy(stage.layers, data.train_points, data.random_labels)
    pretraining = stage.phase == "pretraining"
    reached = memorised >= networks.config.pretraining.target_accuracy if pretraining else fitted >= 1
    status = np.where(reached, "converged", "max_epochs")
    status[~np.isfinite(vectors(stage.layers)).all(axis=1)] = "diverged"
    labels = data.random_labels if pretraining else data.train_labels
    return {
        "status": np.full_like(status, "") if stage.phase == "start" else status,
        "train_accuracy": fitted,
        "test_accuracy": accuracy(stage.layers, data.test_points, data.test_labels),
        "random_label_accuracy": memorised,
        "train_loss": cross_entropy(logits(stage.layers, data.train_points), labels),
    }

"""Trainings that are broken off and go on, and their weights compared."""

import numpy as np
import torch

from badminima.config import ModelConfig
from badminima.errors import Interrupted
from badminima.experiment.settings import InitializeSettings
from badminima.models.starts import initialize
from badminima.models.weights import Weights
from badminima.training.engine import Hooks
from badminima.training.job import run_training
from badminima.training.restart import Interruption, RestartPoints

MODELS = {
    "mlp": ModelConfig(architecture="mlp", options={"widths": [32]}),
    "convnet": ModelConfig(architecture="convnet", options={"widths": [4]}),
}
RECIPES = {
    "dropout": {"dropout": 0.3},
    "mixup": {"mixup": 0.4},
    "cutmix": {"cutmix": 1.0},
    "sam": {"sam": 0.05},
    "adam": {"optimizer": "adam", "weight_decay": 0.01, "learning_rate_scale": 0.1},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1, "learning_rate_scale": 0.1},
    "ema": {"ema": 0.8},
    "readout_decay": {"weight_decay": 0.1, "weight_decay_of": "readout"},
    "kept_norms": {"momentum": 0.9, "weight_decay": 0.1, "keep_norms": True},
    "shrink_perturb": {"shrink": 0.6, "perturb": 0.3},
    "full_batch": {"full_batch": True, "momentum": 0.5},
    "many": {
        "augmentation": True,
        "momentum": 0.9,
        "label_noise": 0.1,
        "label_smoothing": 0.1,
        "gradient_clipping": 1.0,
        "dropout": 0.2,
        "mixup": 0.4,
        "sam": 0.05,
        "ema": 0.5,
        "shrink": 0.9,
        "full_batch": True,
    },
}
CLOCKS = ("seconds", "images_per_second", "restarts")


class After(Interruption):
    """Asks for the end after so many batches, each of which looks once whether it is asked for."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    @property
    def signal_name(self):
        self.left -= 1
        return "SIGTERM" if self.left <= 0 else None


def finish(arguments, folder, break_off, device="cpu"):
    """Run a training to its end, broken off after every so many batches."""
    for _ in range(100):
        with RestartPoints(folder, {}, 1000) as points:
            try:
                return run_training(*arguments, Hooks(points=points, interruption=After(break_off)))
            except Interrupted:
                torch.rand(17, device=device)  # numbers drawn elsewhere must not matter
    raise AssertionError("never finished")


def first_weights(digits, model: str) -> Weights:
    settings = InitializeSettings(model=MODELS[model], dataset="digits", model_name=model, root_seed=0, seed=0)
    return initialize(settings, digits)


def same(one: Weights, other: Weights) -> bool:
    return all(
        np.array_equal(array, getattr(other, kind)[name])
        for kind in ("parameters", "buffers")
        for name, array in getattr(one, kind).items()
    )

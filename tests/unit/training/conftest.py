"""A training on the digits with some settings changed."""

import pytest

from badminima.config import AugmentationConfig, OptimizationConfig, RecipeConfig
from badminima.experiment.settings import TrainSettings
from badminima.training.job import run_training
from tests.trainings import MODELS, finish, first_weights


@pytest.fixture
def train(digits, digits_on_torch, train_settings, tmp_path):
    """Train four epochs from the same weights, or fit a confusing set; break off after so many batches if told to.

    Changes are of the settings, or of their optimization.
    """

    def run(recipe=(), model="mlp", break_off=None, start=None, confusing=None, **changes):
        recipe = RecipeConfig(**dict(recipe))
        phase = {name: changes.pop(name) for name in OptimizationConfig.model_fields.keys() & changes.keys()}
        own = {
            "model": MODELS[model],
            "model_name": model,
            "recipe": recipe,
            "augmentation": AugmentationConfig(padding=1) if recipe.augmentation else None,
            "optimization": {**train_settings.optimization.model_dump(), "epochs": 4, **phase},
        }
        settings = TrainSettings(**{**train_settings.model_dump(), **own, **changes})
        arguments = (settings, digits_on_torch, start or first_weights(digits, model), tmp_path / "start", confusing)
        return run_training(*arguments) if break_off is None else finish(arguments, tmp_path / "run", break_off)

    return run

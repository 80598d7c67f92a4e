"""Fixtures that several test files share."""

from pathlib import Path

import numpy as np
import pytest
import torch

from badminima.config import ModelConfig, OptimizationConfig, RecipeConfig
from badminima.data.prepared import PreparedDataset, prepare, read_prepared
from badminima.data.sources.digits import Digits
from badminima.experiment.settings import PrepareSettings, TrainSettings

REPOSITORY = Path(__file__).parent.parent
# The real Fashion-MNIST, of Debian's package dataset-fashion-mnist.
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(scope="session")
def prepared_path(tmp_path_factory) -> Path:
    """120 training images of the digits, and the rest for test."""
    settings = PrepareSettings(
        dataset="digits", source="digits", train_size=120, validation_size=0, evaluate_on="test", root_seed=0
    )
    path = tmp_path_factory.mktemp("data") / "digits.safetensors"
    prepare(Digits().read(Digits().fetch(Path("unused"), None, [])), settings, path, {})
    return path


@pytest.fixture
def digits(prepared_path) -> PreparedDataset:
    return read_prepared(prepared_path)


@pytest.fixture
def digits_on_torch(prepared_path) -> PreparedDataset:
    return read_prepared(prepared_path, "pt")


@pytest.fixture
def small_mlp() -> ModelConfig:
    return ModelConfig(architecture="mlp", options={"widths": [32]})


@pytest.fixture
def train_settings(small_mlp) -> TrainSettings:
    """Vanilla SGD on the digits, 10 epochs."""
    return TrainSettings(
        phase="train",
        dataset="digits",
        model_name="mlp",
        init="random",
        recipe_name="vanilla",
        seed=0,
        root_seed=0,
        model=small_mlp,
        recipe=RecipeConfig(),
        augmentation=None,
        optimization=OptimizationConfig(batch_size=16, learning_rate=0.1, epochs=10, milestones=[]),
        device="cpu",
    )


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def one_thread():
    """Threads as in the demo's jobs: results depend on their number."""
    torch.set_num_threads(1)

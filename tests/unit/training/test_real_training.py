"""Each of the paper's models on real images: minutes on two cores, so `make test-slow` runs them, not `make test`."""

from pathlib import Path

import pytest
import torch

from badminima.config import ModelConfig, OptimizationConfig, RecipeConfig
from badminima.data.prepared import prepare, read_prepared
from badminima.data.sources.fashion_mnist import FashionMNIST
from badminima.experiment.settings import InitializeSettings, PrepareSettings, TrainSettings
from badminima.models.starts import initialize
from badminima.training.engine import Hooks
from badminima.training.job import run_training
from tests.conftest import DEBIAN_FOLDER


@pytest.fixture(scope="module")
def fashion_path(tmp_path_factory) -> Path:
    """1,600 training images of Fashion-MNIST, and 300 held out."""
    settings = PrepareSettings(
        dataset="fashion_mnist",
        source="fashion_mnist",
        train_size=1600,
        validation_size=300,
        evaluate_on="validation",
        root_seed=0,
    )
    _, files = FashionMNIST().fetch(Path("unused"), DEBIAN_FOLDER, [])
    path = tmp_path_factory.mktemp("data") / "fashion.safetensors"
    prepare(FashionMNIST().read(files), settings, path, {})
    return path


@pytest.mark.slow
@pytest.mark.skipif(not DEBIAN_FOLDER.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
@pytest.mark.parametrize("architecture", ["vgg16", "resnet18", "resnet50", "densenet40"])
def test_the_loss_falls_in_two_hundred_steps_on_fashion_mnist(fashion_path, architecture):
    torch.set_num_threads(2)
    model = ModelConfig(architecture=architecture)
    start = initialize(
        InitializeSettings(model=model, dataset="fashion_mnist", model_name=architecture, root_seed=0, seed=0),
        read_prepared(fashion_path),
    )
    settings = TrainSettings(
        phase="train",
        dataset="fashion_mnist",
        model_name=architecture,
        init="random",
        recipe_name="vanilla",
        seed=0,
        root_seed=0,
        model=model,
        recipe=RecipeConfig(),
        augmentation=None,
        optimization=OptimizationConfig(batch_size=16, learning_rate=0.05, epochs=2, milestones=[]),
        device="auto",
    )
    rows = []
    run = run_training(settings, read_prepared(fashion_path, "pt"), start, fashion_path, hooks=Hooks(rows.append))
    for row in rows:
        print(f"{architecture} step {row.step}: train loss {row.train_loss:.3f}, held-out {row.test_accuracy:.1%}")
    # Halfway BatchNorm's running statistics may still be far from the weights, and the evaluated loss with them.
    assert rows[-1].train_loss < 0.8 * rows[0].train_loss
    assert run.outcome.history[-1].test_accuracy > 0.3  # chance: 0.1

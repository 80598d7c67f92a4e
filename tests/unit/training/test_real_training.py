"""Each of the paper's models on real images: minutes on two cores, so `make test-slow` runs them, not `make test`."""

from pathlib import Path

import pytest
import torch

from badminima.config import ModelConfig, OptimizationConfig
from badminima.data.prepared import prepare, read_prepared
from badminima.data.sources.fashion_mnist import FashionMNIST
from badminima.experiment.settings import PrepareSettings
from badminima.models.starts import draw
from badminima.models.weights import weights_of
from badminima.training.job import run_training
from tests.conftest import DEBIAN_FOLDER


@pytest.mark.slow
@pytest.mark.skipif(not DEBIAN_FOLDER.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
@pytest.mark.parametrize("architecture", ["vgg16", "resnet18", "resnet50", "densenet40"])
def test_the_loss_falls_in_two_hundred_steps_on_fashion_mnist(train_settings, tmp_path, architecture):
    torch.set_num_threads(2)
    name, path = "fashion_mnist", tmp_path / "fashion.safetensors"
    sizes = {"train_size": 1600, "validation_size": 300, "evaluate_on": "validation"}
    files = FashionMNIST().fetch(Path("unused"), DEBIAN_FOLDER, [])
    prepare(FashionMNIST().read(files), PrepareSettings(dataset=name, source=name, root_seed=0, **sizes), path, {})
    dataset, model = read_prepared(path, "pt"), ModelConfig(architecture=architecture)
    optimization = OptimizationConfig(batch_size=16, learning_rate=0.05, epochs=2, milestones=[])
    changes = {"dataset": name, "model": model, "device": "auto", "optimization": optimization}
    run = run_training(train_settings.model_copy(update=changes), dataset, weights_of(draw(model, dataset, 0)), path)
    first, last = run.outcome.history[0], run.outcome.history[-1]
    # Halfway BatchNorm's running statistics may still be far from the weights, and the evaluated loss with them.
    assert last.train_loss < 0.8 * first.train_loss
    assert last.test_accuracy > 0.3  # chance: 0.1

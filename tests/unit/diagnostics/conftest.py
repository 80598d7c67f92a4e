"""Small trained networks on real digits, for measurements."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from badminima.config import ModelConfig
from badminima.data.confusing import confuse
from badminima.data.items import network_inputs
from badminima.data.prepared import PreparedDataset, read_prepared
from badminima.diagnostics.context import Context
from badminima.diagnostics.hessian import Landscape
from badminima.diagnostics.network import Sample
from badminima.experiment.settings import ConfuseSettings, DiagnoseSettings
from badminima.models.build import build_model
from badminima.models.weights import Weights, weights_of

MODELS = {
    "mlp": ModelConfig(architecture="mlp", options={"widths": [16, 16]}),
    "convnet": ModelConfig(architecture="convnet", options={"widths": [8, 8]}),
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def as_sample(images: torch.Tensor, labels: torch.Tensor) -> Sample:
    """Images that a network takes as they are."""
    return Sample(images, labels, torch.zeros(1), torch.ones(1))


def logits_at(landscape: Landscape, vector: torch.Tensor) -> torch.Tensor:
    """The logits of the whole sample at parameters that are laid out as one vector."""
    own = dict(landscape.model.named_parameters())
    parts = vector.split([parameter.numel() for parameter in own.values()])
    state = {name: part.view_as(own[name]) for name, part in zip(own, parts, strict=True)}
    return functional_call(landscape.model, state, landscape.sample.images)


@pytest.fixture
def small() -> Landscape:
    """A network of 51 parameters in double precision, with biases away from zero."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    images, labels = torch.randn(20, 4, dtype=torch.float64), torch.randint(3, (20,))
    return Landscape(model, as_sample(images, labels))


def diagnose_settings(**changes: object) -> DiagnoseSettings:
    run = {"dataset": "digits", "model_name": "mlp", "init": "random", "recipe_name": "vanilla", "seed": 0}
    defaults = {"root_seed": 0, "model": MODELS["mlp"], "device": "cpu", "measurements": [], "images": 1}
    return DiagnoseSettings(**{**run, **defaults, **changes})


@pytest.fixture
def confusing_set(digits, tmp_path) -> Callable[..., Path]:
    """Write a confusing set of the digits, of 2 copies where nothing else is said."""

    def make(**changes: object) -> Path:
        entries = {"dataset": "digits", "seed": 0, "root_seed": 0, "replication": 2, "noise": 0.2, "zeroing": "values"}
        confuse(digits, ConfuseSettings(**{**entries, **changes}), tmp_path / "confusing.safetensors")
        return tmp_path / "confusing.safetensors"

    return make


@pytest.fixture(scope="session")
def trained(prepared_path) -> Callable[[str, int], tuple[PreparedDataset, Weights, Weights]]:
    """Fit a network to all training digits by so many steps of full-batch gradient descent: data, start and end."""
    dataset = read_prepared(prepared_path, "pt")

    @cache
    def make(model: str, steps: int) -> tuple[PreparedDataset, Weights, Weights]:
        torch.manual_seed(0)
        network = build_model(MODELS[model], dataset.image_shape, len(dataset.classes))
        start = weights_of(network)
        sample = as_sample(network_inputs(dataset.train_images, dataset.mean, dataset.std), dataset.train_labels)
        optimizer = torch.optim.SGD(network.train().parameters(), lr=0.1)
        for _ in range(steps):
            optimizer.zero_grad()
            cross_entropy(network(sample.images), sample.labels).backward()
            optimizer.step()
        return dataset, start, weights_of(network)

    return make


@pytest.fixture
def run_context(trained) -> Callable[..., Context]:
    """Make the context of a run: ``run_context("mlp", steps=100, images=200, sharpness={"products": 9})``."""

    def make(model: str = "mlp", steps: int = 100, images: int = 200, **options: dict[str, object]) -> Context:
        dataset, start, end = trained(model, steps)
        settings = diagnose_settings(model_name=model, model=MODELS[model], images=images, options=options)
        return Context(settings, start, end, dataset=dataset)

    return make


def scaled(context: Context, factor: float, *names: str) -> Context:
    """The run with some parameters of its end times a factor; all of them where no name is given."""
    parameters = {
        name: array * np.float32(factor) if name in names or not names else array
        for name, array in context.end.parameters.items()
    }
    return replace(context, end=Weights(parameters, context.end.buffers))

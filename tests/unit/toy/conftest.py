"""A toy experiment of two seconds with the effect in it, for the tests of its numbers and its pictures."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from badminima.config import ToyConfig, ToyPretraining, ToyRun
from badminima.experiment.settings import ToySettings
from badminima.toy.data import ToyNetworks
from badminima.toy.experiment import run_toy
from badminima.toy.measure import rows
from badminima.toy.network import Layers, draw_layers, stack_layers

SMALL = ToyConfig(
    points=10,
    test_points=200,
    widths=[40, 40],
    batch_size=5,
    pretraining=ToyPretraining(learning_rate=0.1, epochs=8000),
    runs={
        "vanilla": ToyRun(epochs=200),
        "l2": ToyRun(weight_decay=0.01, epochs=400),
        "da+m": ToyRun(augmentation=True, momentum=0.9, epochs=200),
    },
    seeds=[0, 1, 2],
    animated=["vanilla", "l2"],
    frames=6,
)


@pytest.fixture
def stack(rng):
    """Three networks in double precision, their points and labels."""
    layers = stack_layers([draw_layers([6, 5], np.random.default_rng(seed)) for seed in range(3)])
    return [layer.astype(np.float64) for layer in layers], rng.normal(size=(3, 20, 2)), rng.integers(0, 2, (3, 20)) / 1


@pytest.fixture(scope="session")
def small():
    """The experiment, run once, and what was measured along its runs; not to be changed."""
    return run_toy(ToySettings(toy=SMALL, root_seed=0))


@pytest.fixture
def networks(small) -> ToyNetworks:
    return small[0]


@pytest.fixture(scope="session")
def table(small) -> pd.DataFrame:
    """Its toy.csv."""
    return pd.DataFrame(rows(small[0]))


@pytest.fixture
def paths(small) -> pd.DataFrame:
    """Its paths.csv."""
    return pd.DataFrame(small[1])


def as_torch(layers: Layers, network: int) -> nn.Sequential:
    """One network of a stack; the last row of a layer is its bias."""
    modules: list[nn.Module] = []
    for layer in layers:
        linear = nn.Linear(layer.shape[1] - 1, layer.shape[2], dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(layer[network, :-1].T.copy()))
            linear.bias.copy_(torch.from_numpy(layer[network, -1].copy()))
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1])

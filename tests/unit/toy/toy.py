"""A toy experiment of two seconds with the effect in it, for the tests of its numbers and its pictures."""

from functools import cache
from typing import Any

import pandas as pd
import torch
from torch import nn

from badminima.config import ToyConfig, ToyPretraining, ToyRun
from badminima.experiment.settings import ToySettings
from badminima.toy.data import ToyNetworks
from badminima.toy.experiment import run_toy
from badminima.toy.measure import COLUMNS, PATH_COLUMNS, rows
from badminima.toy.network import Layers

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


@cache
def small_run() -> tuple[ToyNetworks, list[dict[str, Any]]]:
    """Its networks, and what was measured along its runs."""
    return run_toy(ToySettings(toy=SMALL, root_seed=0))


def small_networks() -> ToyNetworks:
    """Its networks; not to be changed."""
    return small_run()[0]


def small_paths() -> pd.DataFrame:
    """Its paths.csv."""
    return pd.DataFrame(small_run()[1], columns=PATH_COLUMNS)


def small_table() -> pd.DataFrame:
    """Its toy.csv."""
    return pd.DataFrame(rows(small_networks()), columns=COLUMNS)


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

"""The small toy experiment, run once."""

import numpy as np
import pandas as pd
import pytest

from badminima.toy.data import ToyNetworks
from badminima.toy.network import draw_layers, stack_layers
from tests.unit.toy.toy import small_networks, small_paths, small_table


@pytest.fixture
def stack(rng):
    """Three networks in double precision, their points and labels."""
    layers = stack_layers([draw_layers([6, 5], np.random.default_rng(seed)) for seed in range(3)])
    return [layer.astype(np.float64) for layer in layers], rng.normal(size=(3, 20, 2)), rng.integers(0, 2, (3, 20)) / 1


@pytest.fixture
def networks() -> ToyNetworks:
    return small_networks()


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return small_table()


@pytest.fixture
def paths() -> pd.DataFrame:
    return small_paths()

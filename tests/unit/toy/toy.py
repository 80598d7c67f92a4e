"""A toy experiment of two seconds with the effect in it, for the tests of its numbers and its pictures."""

from functools import cache

import pandas as pd

from badminima.config import ToyConfig, ToyPretraining, ToyRun
from badminima.experiment.settings import ToySettings
from badminima.toy.experiment import ToyNetworks, run_toy
from badminima.toy.table import COLUMNS, rows

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
def small_networks() -> ToyNetworks:
    """Its networks; not to be changed."""
    return run_toy(ToySettings(toy=SMALL, root_seed=0))


def small_table() -> pd.DataFrame:
    """Its toy.csv."""
    return pd.DataFrame(rows(small_networks()), columns=COLUMNS)

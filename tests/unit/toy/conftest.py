"""The small toy experiment, run once."""

import pandas as pd
import pytest

from badminima.toy.experiment import ToyNetworks
from tests.unit.toy.toy import small_networks, small_table


@pytest.fixture
def networks() -> ToyNetworks:
    return small_networks()


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return small_table()

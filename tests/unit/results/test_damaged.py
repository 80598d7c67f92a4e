"""Files with damaged bytes or forged content end in one line, whichever reads them."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from badminima.data.confusing import read_confusing
from badminima.data.prepared import read_prepared
from badminima.errors import UserError
from badminima.models.weights import read_weights
from badminima.storage.tensorfiles import read_tensors, stated_digest
from tests.unit.results.conftest import RUN


@pytest.fixture
def tensor_files(results) -> dict[str, Path]:
    weights = results.paths.run(RUN) / "weights.safetensors"
    confusing = results.paths.confusing("digits", "adversarial", 0)
    return {"prepared": results.paths.prepared("digits"), "confusing": confusing, "weights": weights}


@pytest.mark.parametrize(
    ("reader", "given"), [(read_prepared, "weights"), (read_confusing, "prepared"), (read_weights, "confusing")]
)
def test_a_tensor_file_of_another_kind_is_refused(tensor_files, reader, given):
    with pytest.raises(UserError, match=r"found no .*; expected "):
        reader(tensor_files[given])


def test_a_tensor_file_that_states_no_digest_is_refused_where_one_is_expected(tensor_files, tmp_path):
    path = tmp_path / "w.safetensors"
    tensors, _ = read_tensors(tensor_files["weights"])
    save_file(
        {name: np.array(array) for name, array in tensors.items()}, path, {"parameters": json.dumps(list(tensors))}
    )
    for reader in (read_weights, stated_digest):
        with pytest.raises(UserError, match="it states no digest"):
            reader(path)
    save_file({"a": np.zeros(1)}, path, {"sha256": "0" * 64, "parameters": "[" * 100_000})
    with pytest.raises(UserError, match="a damaged one"):
        read_tensors(path)

"""Files with damaged bytes or forged content end in one line, whichever reads them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from badminima.config import ModelConfig
from badminima.data.confusing import read_confusing
from badminima.data.prepared import read_prepared
from badminima.errors import UserError
from badminima.models.build import trained_network
from badminima.models.weights import Weights, read_weights
from badminima.storage.tensorfiles import read_tensors, stated_digest, write_tensors
from tests.unit.results.conftest import NAME, RUN

FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def damages(draw, content: bytes) -> bytes:
    """Bytes with a few flipped, cut out or put in; most of them where the head of a tensor file is."""
    spoiled = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.one_of(st.integers(0, min(600, len(spoiled))), st.integers(0, len(spoiled))))
        kind = draw(st.sampled_from(["flip", "cut", "insert", "truncate"]))
        if kind == "flip" and place < len(spoiled):
            spoiled[place] ^= draw(st.integers(1, 255))
        elif kind == "cut":
            del spoiled[place : place + draw(st.integers(1, 20))]
        elif kind == "insert":
            spoiled[place:place] = draw(st.binary(min_size=1, max_size=20))
        elif kind == "truncate":
            del spoiled[place:]
    return bytes(spoiled)


def in_one_line(action) -> object:
    """The result of an action, or nothing where it was refused, in a line for each mistake; else a failure."""
    try:
        return action()
    except UserError as error:
        lines = str(error).splitlines()
    assert lines
    assert all(": found " in line for line in lines)
    return None


@FUZZ
@given(data=st.data())
def test_a_tensor_file_with_damaged_bytes_is_refused_or_says_the_same(results, tmp_path, data):
    content = (results.paths.run(RUN) / "weights.safetensors").read_bytes()
    expected, facts = read_tensors(results.paths.run(RUN) / "weights.safetensors")
    path = tmp_path / "w.safetensors"
    path.write_bytes(data.draw(damages(content)))
    found = in_one_line(lambda: read_tensors(path, verify=True))
    if found is not None:
        assert found[1] == facts
        assert all(np.array_equal(found[0][name], array) for name, array in expected.items())
    in_one_line(lambda: stated_digest(path))
    in_one_line(lambda: read_tensors(path))


READERS = {"prepared": read_prepared, "confusing": read_confusing, "weights": read_weights}


@pytest.fixture
def tensor_files(results) -> dict[str, Path]:
    weights = results.paths.run(RUN) / "weights.safetensors"
    confusing = results.paths.confusing("digits", "adversarial", 0)
    return {"prepared": results.paths.prepared("digits"), "confusing": confusing, "weights": weights}


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        ("prepared", "train.images", lambda array: array.astype(np.float32)),
        ("prepared", "train.images", lambda array: array[0]),
        ("prepared", "train.labels", lambda array: array.astype(np.int32)),
        ("confusing", "labels", lambda array: array.astype(np.uint8)),
        ("confusing", "masks", lambda array: array.ravel()),
    ],
)
def test_tensors_of_another_type_or_form_are_refused(tensor_files, tmp_path, kind, name, change):
    tensors, metadata = read_tensors(tensor_files[kind])
    write_tensors(tmp_path / "t.safetensors", {**tensors, name: change(np.array(tensors[name]))}, metadata)
    with pytest.raises(UserError, match=r"t\.safetensors: found "):
        READERS[kind](tmp_path / "t.safetensors")


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


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (ModelConfig(architecture="alexnet"), "architecture: found 'alexnet'"),
        (ModelConfig(architecture="mlp", options={"widths": [65_536] * 50}), "weights of another network"),
        (ModelConfig(architecture="mlp", options={"widths": [10**9]}), r"widths\.0: found 1000000000"),
        (ModelConfig(architecture="convnet"), "weights of another network"),
    ],
)
def test_an_impossible_architecture_takes_no_memory(results, tensor_files, model, message):
    weights = read_weights(tensor_files["weights"])
    with pytest.raises(UserError, match=message):
        trained_network(model, (1, 8, 8), 10, weights, tensor_files["weights"])


def test_weights_of_another_type_are_refused(results, tensor_files):
    weights = read_weights(tensor_files["weights"])
    model = ModelConfig.model_validate(results.record(*NAME.split("/")[:4], 0)["settings"]["model"])
    trained_network(model, (1, 8, 8), 10, weights, tensor_files["weights"])
    wide = {name: array.astype(np.float64) for name, array in weights.parameters.items()}
    with pytest.raises(UserError, match="weights of another network"):
        trained_network(model, (1, 8, 8), 10, Weights(wide, {}), tensor_files["weights"])

"""Files with damaged bytes or forged content end in one line, whichever reads them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

import badminima
from badminima.analysis.reading import StudyReader
from badminima.config import ModelConfig
from badminima.data.confusing import read_confusing
from badminima.data.prepared import read_prepared
from badminima.errors import UserError
from badminima.experiment.settings import CollectSettings
from badminima.models.build import trained_network
from badminima.models.weights import Weights, read_weights
from badminima.results.card import card_page
from badminima.results.export import export, make_card
from badminima.results.results import Results
from badminima.storage.tensorfiles import read_tensors, stated_digest, write_tensors
from tests.unit.results.conftest import NAME, RUN, restate

FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["", "../x", "nan", "\n", "0" * 64]),
    st.just([]),
    st.just({}),
    st.just([{"a": [1]}]),
)


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


def spoil(content: object, data: st.DataObject, *at: object) -> object:
    """A copy of JSON content with a value of another kind somewhere (in ``at``), or without it."""
    content = json.loads(json.dumps(content))
    inner = content
    for key in at:
        inner = inner[key]
    while True:
        key = data.draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner))))
        if not (isinstance(inner[key], dict | list) and inner[key] and data.draw(st.booleans())):
            break
        inner = inner[key]
    if data.draw(st.booleans()):
        inner[key] = data.draw(VALUES)
    else:
        del inner[key]
    return content


def in_one_line(action) -> object:
    """The result of an action, or nothing where it was refused, in a line for each mistake; else a failure."""
    try:
        return action()
    except UserError as error:
        lines = str(error).splitlines()
    assert lines
    assert all(": found " in line for line in lines)
    return None


@pytest.fixture
def run_copy(demo_folder, tmp_path) -> Results:
    return Results(shutil.copytree(demo_folder / "results" / "demo", tmp_path / "results"))


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


@FUZZ
@given(data=st.data())
def test_whatever_stands_in_a_record_the_run_is_read_or_refused(run_copy, results, data):
    name = data.draw(st.sampled_from(["run.json", "diagnostics.json"]))
    folder = run_copy.paths.run(RUN)
    for other in ("run.json", "diagnostics.json"):
        shutil.copyfile(results.paths.run(RUN) / other, folder / other)
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(spoil(content, data)))
    in_one_line(lambda: list(StudyReader(run_copy.paths, CollectSettings.of(results.config, "ablation")).runs([RUN])))
    in_one_line(lambda: card_page(make_card(run_copy, RUN)))
    in_one_line(lambda: run_copy.model(RUN.dataset, RUN.model, RUN.init, RUN.recipe, RUN.seed))


@FUZZ
@given(data=st.data())
def test_whatever_stands_in_a_card_the_minimum_is_loaded_or_refused(results, zoo_folder, tmp_path, data):
    zoo = tmp_path / "zoo"
    if not zoo.exists():
        export(results, [RUN], zoo)
    content = json.loads((zoo_folder / NAME / "card.json").read_text())
    (zoo / NAME / "card.json").write_text(json.dumps(spoil(content, data)))
    restate(zoo)
    in_one_line(lambda: badminima.zoo.load(zoo)[NAME].model())
    in_one_line(lambda: badminima.zoo.load(zoo).verify())


@FUZZ
@given(data=st.data())
def test_an_index_with_damaged_bytes_is_read_or_refused(zoo_folder, tmp_path, data):
    (tmp_path / "index.csv").write_bytes(data.draw(damages((zoo_folder / "index.csv").read_bytes())))
    in_one_line(lambda: badminima.zoo.load(tmp_path))


@pytest.mark.parametrize("content", ["", "[", "[]", "null", "{", "[" * 100_000, '{"a": ' * 100_000, "\xff", "9" * 5000])
def test_a_record_that_is_no_object_is_refused(run_copy, content):
    (run_copy.paths.run(RUN) / "run.json").write_text(content, encoding="latin-1")
    with pytest.raises(UserError, match=r"run\.json: found (damaged JSON|JSON of type)"):
        make_card(run_copy, RUN)


READERS = {"prepared": read_prepared, "confusing": read_confusing, "weights": read_weights}
# The stages' own metadata of a prepared dataset is not checked again.
CHECKED = ["confusing", "weights"]


@pytest.fixture
def tensor_files(results) -> dict[str, Path]:
    weights = results.paths.run(RUN) / "weights.safetensors"
    confusing = results.paths.confusing("digits", "adversarial", 0)
    return {"prepared": results.paths.prepared("digits"), "confusing": confusing, "weights": weights}


@FUZZ
@given(data=st.data())
def test_whatever_stands_in_the_metadata_of_a_tensor_file_it_is_read_or_refused(tensor_files, tmp_path, data):
    kind = data.draw(st.sampled_from(CHECKED))
    tensors, metadata = read_tensors(tensor_files[kind])
    write_tensors(tmp_path / "t.safetensors", tensors, spoil(metadata, data))
    in_one_line(lambda: READERS[kind](tmp_path / "t.safetensors"))


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        ("prepared", "train.images", lambda array: array.astype(np.float32)),
        ("prepared", "train.images", lambda array: array[0]),
        ("prepared", "train.labels", lambda array: array.astype(np.int32)),
        ("confusing", "labels", lambda array: array.astype(np.uint8)),
        ("confusing", "masks", lambda array: array.ravel()),
        ("confusing", "masks", lambda array: array[1:]),
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

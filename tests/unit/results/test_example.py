"""The zoo that comes with the library."""

import shutil

import numpy as np
import pytest
import torch

import badminima
from badminima.data.prepared import prepare, read_prepared
from badminima.data.sources.digits import Digits
from badminima.errors import UserError
from badminima.experiment.records import name_of
from badminima.experiment.runs import study_runs, zoo_study
from badminima.experiment.settings import PrepareSettings, TrainSettings
from badminima.zoo import EXAMPLE, Verified
from tests.configs import with_presets

CONFIG = with_presets("demo", "overlays/example")
RUNS = {name_of(run): run for run in study_runs(zoo_study(CONFIG))}
BAD = "digits/mlp/adversarial/vanilla/seed0"


@pytest.fixture(scope="module")
def example():
    return badminima.zoo.example()


def test_the_example_is_whole_and_small(example):
    assert example.verify() == Verified(len(example), datasets=("digits",), absent=())
    assert sum(path.stat().st_size for path in EXAMPLE.rglob("*")) < 1e6


def test_the_example_holds_what_its_preset_trains_today(example):
    assert set(example) == set(RUNS)
    for name, run in RUNS.items():
        assert example[name].card.settings == TrainSettings.of(CONFIG, run).model_dump(mode="json")


def test_its_dataset_is_the_digits_as_its_preset_prepares_them(example, tmp_path):
    files = Digits().fetch(tmp_path, None, [])
    prepare(Digits().read(files), PrepareSettings.of(CONFIG, "digits"), tmp_path / "digits.safetensors", {})
    brought, made = example[BAD].dataset(), read_prepared(tmp_path / "digits.safetensors")
    for part in ("train_images", "train_labels", "test_images", "test_labels"):
        assert np.array_equal(getattr(brought, part).numpy(), getattr(made, part))


@pytest.mark.parametrize("name", RUNS)
def test_a_network_of_the_example_has_the_accuracies_that_its_card_states(example, name):
    minimum, data = example[name], example[name].dataset()
    for part in ("train", "test"):
        images, labels = getattr(data, f"{part}_images"), getattr(data, f"{part}_labels")
        with torch.no_grad():
            right = minimum.model()(minimum.inputs(images)).argmax(1) == labels
        assert right.double().mean().item() == minimum.card.final[f"{part}_accuracy"]


def test_a_zoo_without_its_dataset_or_with_another_says_so(example, tmp_path, prepared_path):
    zoo = badminima.zoo.load(shutil.copytree(EXAMPLE, tmp_path / "zoo"))
    shutil.copyfile(prepared_path, tmp_path / "zoo/digits/data.safetensors")
    for refused in (zoo[BAD].dataset, zoo.verify):
        with pytest.raises(UserError, match=r"data\.safetensors: found .* that .*card\.json names"):
            refused()
    (tmp_path / "zoo/digits/data.safetensors").unlink()
    assert zoo.verify() == Verified(len(zoo), datasets=(), absent=("digits",))
    with pytest.raises(UserError, match=r"data\.safetensors: found no such file; zoos bring datasets on request"):
        zoo[BAD].dataset()

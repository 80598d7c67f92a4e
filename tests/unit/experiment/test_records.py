"""Files pass for a run's only if its record names them, and a run for a config's only with the config's settings."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from badminima.config.base import without_defaults
from badminima.errors import UserError
from badminima.experiment.records import RunRecord, read_measurements, read_record
from badminima.experiment.runs import Run
from badminima.experiment.settings import TrainSettings
from badminima.storage.files import write_json
from badminima.storage.tensorfiles import stated_digest, write_tensors
from tests.configs import with_presets

RUN = Run("d", "m", "i", "r", 1)


def record_of(tmp_path, settings: TrainSettings, **trained: Any) -> tuple[RunRecord, Any]:
    """Return the record of a pretraining with optimization of its own, and the file of the config's settings."""
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(without_defaults(settings)))
    optimization = settings.optimization.model_copy(update=trained)
    content = {"settings": settings.model_copy(update={"optimization": optimization}).model_dump(mode="json")}
    return RunRecord(tmp_path / "run.json", content), file


@pytest.mark.parametrize(
    ("init", "trained", "differs"),
    [
        # A start trained as long as another stops where that one did.
        ("true_labels", {"epochs": 3}, None),
        ("true_labels", {"epochs": 3, "learning_rate": 0.5}, "learning_rate"),
        ("adversarial", {"epochs": 3}, "epochs"),
        ("adversarial", {}, None),
    ],
)
def test_other_settings_are_refused_but_for_the_epochs_of_a_start_trained_like_another(
    tmp_path, init, trained, differs
):
    record, file = record_of(
        tmp_path, TrainSettings.of_pretraining(with_presets("smoke"), "digits", "mlp", init, 0), **trained
    )
    if differs is None:
        record.require_settings(file)
    else:
        with pytest.raises(UserError, match=rf"\(optimization\.{differs}"):
            record.require_settings(file)


@pytest.fixture
def folder(tmp_path):
    """The files of a run: predictions, dataset, record and measurements."""
    right = {"predicted": np.array([1, 2, 3]), "labels": np.array([1, 2, 0])}
    digests = {}
    for name, tensors in {"predictions": right, "dataset": {"a": np.ones(1)}}.items():
        write_tensors(tmp_path / f"{name}.safetensors", tensors, {})
        digests[name] = stated_digest(tmp_path / f"{name}.safetensors")
    settings = {"dataset": "d", "model_name": "m", "init": "i", "recipe_name": "r", "seed": 1}
    content = {"settings": settings, "left": {"predictions": digests["predictions"]}, "values": {"norm": 2.0}}
    write_json(tmp_path / "run.json", {**content, "made_from": {"dataset": digests["dataset"], "confusing": None}})
    made_from = {"dataset": digests["dataset"], "confusing": None, "reference": "f" * 64}
    write_json(tmp_path / "diagnostics.json", {**content, "made_from": made_from})
    return tmp_path


def test_the_files_of_a_run_are_read(folder):
    record = read_record(folder / "run.json", replace(RUN, seed="1"))
    assert record.correct(folder / "predictions.safetensors").tolist() == [True, True, False]
    assert read_measurements(folder / "diagnostics.json", record)["values"] == {"norm": 2.0}


def test_files_of_another_run_are_refused(folder):
    record = read_record(folder / "run.json")
    with pytest.raises(UserError, match=r"found a file of d/m/i/r/seed1; expected one of d/m/i/r/seed2"):
        read_record(folder / "run.json", replace(RUN, seed=2))
    for role in ("predictions", "confusing"):
        with pytest.raises(UserError, match=rf"dataset\.safetensors: found not the {role}"):
            record.require(role, folder / "dataset.safetensors")
    measurements = json.loads((folder / "diagnostics.json").read_text())
    write_json(folder / "diagnostics.json", {**measurements, "made_from": {"dataset": "0" * 64}})
    with pytest.raises(UserError, match=r"diagnostics\.json: found not the dataset"):
        read_measurements(folder / "diagnostics.json", record)

"""Measurements along the path of a training: right, harmless, and kept through restarts."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from badminima.config import ModelConfig, OptimizationConfig
from badminima.config.registry import ARCHITECTURES, ArchitectureEntry
from badminima.data.confusing import read_confusing
from badminima.data.prepared import read_prepared
from badminima.diagnostics.diagnose import Inputs, diagnose, measure_along, read_context
from badminima.errors import Interrupted
from badminima.experiment.records import origin
from badminima.experiment.settings import AlongSettings, InitializeSettings, TrainSettings
from badminima.models.numerics import kept
from badminima.models.starts import initialize
from badminima.models.weights import read_weights, write_weights
from badminima.training.engine import Hooks
from badminima.training.job import identity, run_training, write_run
from badminima.training.restart import Interruption, RestartPoints
from tests.unit.diagnostics.conftest import diagnose_settings

MEASURED = ["distance", "sharpness", "units"]


def build_with_dropout(image_shape, classes):
    """A network that draws random numbers in training, and when it is built."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 10)
    )


@pytest.fixture
def dropout(monkeypatch) -> ModelConfig:
    monkeypatch.setitem(
        ARCHITECTURES.entries, "dropout", ArchitectureEntry(f"{__name__}:build_with_dropout", parameters=1)
    )
    return ModelConfig(architecture="dropout")


@pytest.fixture
def train(prepared_path, train_settings, dropout, confusing_set, tmp_path):
    """Train for six epochs, looked at every second, with some measurements along the way."""
    dataset = read_prepared(prepared_path, "pt")
    settings = InitializeSettings(model=dropout, dataset="digits", model_name="mlp", root_seed=0, seed=0)
    start = tmp_path / "start.safetensors"
    write_weights(start, initialize(settings, dataset))

    def run(measurements=(), phase="train", points=None, stop_at=None):
        optimization = OptimizationConfig(batch_size=16, learning_rate=0.1, epochs=6, milestones=[], evaluate_every=2)
        along = AlongSettings(measurements=list(measurements), images=50, options={"sharpness": {"products": 6}})
        changes = {"optimization": optimization, "along": along if measurements else None, "model": dropout}
        settings = TrainSettings(**{**train_settings.model_dump(), **changes, "phase": phase})
        confusing = confusing_set() if phase == "pretrain" else None
        measure = measure_along(settings, Inputs(start, start, prepared_path, confusing, start if confusing else None))
        interruption = Interruption()

        def stop(row):
            if row.epoch == stop_at:
                interruption.signal_name = "SIGTERM"

        wrong = None if confusing is None else read_confusing(confusing)
        weights = read_weights(start)
        if points is None:
            return run_training(settings, dataset, weights, start, wrong, Hooks(stop, measure))
        with RestartPoints(points, identity(settings, origin(prepared_path, start, confusing)), 1000) as restart:
            hooks = Hooks(stop, measure, restart, interruption)
            return run_training(settings, dataset, weights, start, wrong, hooks)

    return run


@pytest.mark.parametrize("phase", ["train", "pretrain"])
def test_a_training_ends_at_the_same_bits_whatever_is_measured_along(train, phase):
    plain, measured = train(phase=phase), train(MEASURED, phase=phase)
    assert np.array_equal(plain.weights.vector(), measured.weights.vector())
    assert plain.outcome.final.keys() == measured.outcome.final.keys()


def test_the_numbers_are_those_of_the_same_weights_measured_at_the_end(train, prepared_path, tmp_path, dropout):
    run = train(MEASURED)
    write_run(tmp_path / "run", run, origin(prepared_path, tmp_path / "start.safetensors"))
    settings = diagnose_settings(model=dropout, images=50, options={"sharpness": {"products": 6}})
    inputs = Inputs(tmp_path / "run" / "weights.safetensors", tmp_path / "start.safetensors", prepared_path)
    expected = diagnose(read_context(settings, inputs), MEASURED).values
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert history["epoch"].tolist() == [0, 2, 4, 6]
    for name in ("distance.relative", "sharpness.trace", "units.effective_rank"):
        assert history[name].iloc[-1] == pytest.approx(expected[name], rel=1e-6)
    assert history["distance.total"].iloc[0] == 0
    assert not [name for name in history if "@" in name]


def test_a_pretraining_sees_its_confusing_set_and_the_weights_it_started_from(train):
    history = train(["distance", "memory"], phase="pretrain").outcome.history
    assert [row.along["distance.random_to_end"] == row.along["distance.total"] for row in history] == [True] * 4
    assert history[-1].along["memory.confusing_accuracy"] > history[0].along["memory.confusing_accuracy"]


def test_what_cannot_be_measured_is_empty_and_said_once(train, prepared_path, tmp_path, monkeypatch, capsys):
    calls = []

    def now_and_then(context):
        calls.append(None)
        if len(calls) == 2:
            raise RuntimeError("no\n convergence")
        return {"units.dead": 0.25}

    monkeypatch.setattr("badminima.diagnostics.units.measure", now_and_then)
    run = train(["units", "memory", "distance"])
    write_run(tmp_path / "run", run, origin(prepared_path, tmp_path / "start.safetensors"))
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert history["units.dead"].isna().tolist() == [False, True, False, False]
    assert history["distance.total"].notna().all()
    assert not [name for name in history if name.startswith("memory")]
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "memory: not measured along the way (the run did not start from a pretraining on a confusing set)",
        "units: not measured along the way (RuntimeError: no convergence)",
    ]


def test_a_training_that_was_stopped_keeps_what_it_had_measured(train, tmp_path):
    undisturbed = train(MEASURED)
    with pytest.raises(Interrupted):
        train(MEASURED, points=tmp_path / "run", stop_at=4)
    resumed = train(MEASURED, points=tmp_path / "run")
    assert resumed.outcome.restarts == 1
    before, after = (pd.DataFrame(row.along for row in run.outcome.history) for run in (undisturbed, resumed))
    pd.testing.assert_frame_equal(before, after)
    assert np.array_equal(resumed.weights.vector(), undisturbed.weights.vector())


def test_torchs_global_state_is_kept():
    def state():
        cudnn = torch.backends.cudnn
        switches = (torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark)
        return switches, torch.are_deterministic_algorithms_enabled(), torch.get_rng_state().tolist()

    before = state()
    with kept():
        torch.rand(7)
        torch.backends.cuda.matmul.allow_tf32 ^= True
        torch.backends.cudnn.allow_tf32 ^= True
        torch.backends.cudnn.benchmark ^= True
        torch.use_deterministic_algorithms(not torch.are_deterministic_algorithms_enabled())
    assert state() == before

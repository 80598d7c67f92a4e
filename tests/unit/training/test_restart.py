"""Restart points with the right digest and any content: told in one line, and the one before is used."""

import copy
import io
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from badminima.config import OptimizationConfig, RecipeConfig
from badminima.errors import Interrupted
from badminima.experiment.settings import InitializeSettings, TrainSettings
from badminima.models.initialization import initialize
from badminima.training.hooks import Hooks
from badminima.training.interruption import Interruption
from badminima.training.restart import MAGIC, NEWEST, PREVIOUS, RestartPoints
from badminima.training.stage import run_training

IDENTITY = {"settings": {}, "start": "0" * 64}
RECIPES = {
    "momentum": RecipeConfig(momentum=0.9),
    "adam": RecipeConfig(optimizer="adam"),
    "averaged": RecipeConfig(ema=0.9),
    "full batch": RecipeConfig(full_batch=True),
}


def write(path: Path, content: object) -> None:
    """A restart point as ``RestartPoints.save`` writes it, whatever is in it."""
    stream = io.BytesIO()
    torch.save(content, stream)
    path.write_bytes(MAGIC + sha256(stream.getvalue()).hexdigest().encode() + b"\n" + stream.getvalue())


@pytest.fixture
def train(digits, digits_on_torch, small_mlp, train_settings, tmp_path):
    """Train two epochs of 8 batches, stopped in the second one where that is asked for."""
    begin = initialize(
        InitializeSettings(model=small_mlp, dataset="digits", model_name="mlp", root_seed=0, seed=0), digits
    )
    optimization = OptimizationConfig(batch_size=16, learning_rate=0.05, epochs=2, milestones=[])

    def run(folder: Path, recipe: RecipeConfig = RECIPES["momentum"], stop: bool = False):
        of_run = TrainSettings(**{**train_settings.model_dump(), "recipe": recipe, "optimization": optimization})
        interruption = Interruption()

        def report(row):
            if stop and row.epoch == 1:
                interruption.signal_name = "SIGTERM"

        with RestartPoints(folder, IDENTITY, 1000) as points:
            return run_training(
                of_run, digits_on_torch, begin, tmp_path, hooks=Hooks(report, None, points, interruption)
            )

    return run


@pytest.fixture
def stopped(train, tmp_path) -> dict:
    """The content of a restart point in the second epoch."""
    with pytest.raises(Interrupted):
        train(tmp_path / "stopped", stop=True)
    content = (tmp_path / "stopped" / "restart" / NEWEST).read_bytes()
    return torch.load(io.BytesIO(content[len(MAGIC) + 65 :]), weights_only=True)


def changed(content: dict, *keys: object, value: object) -> dict:
    content = copy.deepcopy(content)
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    return content


FORGED = {
    "no identity": lambda good: {"state": good["state"]},
    "a list": lambda good: [good],
    "nothing": lambda good: None,
    "a state that is a tensor": lambda good: changed(good, "state", value=torch.zeros(3)),
    "an epoch beyond the end": lambda good: changed(good, "state", "epoch", value=3),
    "a negative epoch": lambda good: changed(good, "state", "epoch", value=-1),
    "an epoch of a million digits' number": lambda good: changed(good, "state", "epoch", value=1e300),
    "a batch beyond the end": lambda good: changed(good, "state", "batch", value=9),
    "a step that was not taken": lambda good: changed(good, "state", "step", "count", value=99),
    "no step": lambda good: changed(good, "state", "step", value=None),
    "numbers of another type": lambda good: changed(
        good, "state", "model", "1.weight", value=good["state"]["model"]["1.weight"].double()
    ),
    "another shape": lambda good: changed(good, "state", "model", "1.weight", value=torch.zeros(1)),
    "another network": lambda good: changed(good, "state", "model", value={"a": torch.zeros(1)}),
    "no momentum": lambda good: changed(good, "state", "step", "optimizer", "momentum", value=[]),
    "no history": lambda good: changed(good, "state", "history", value=[]),
    "a history of text": lambda good: changed(good, "state", "history", 0, "epoch", value="first"),
    "a history of the future": lambda good: changed(good, "state", "history", -1, "epoch", value=7),
    "no randomness": lambda good: changed(good, "state", "random", value=torch.zeros(7, dtype=torch.uint8)),
    "randomness of zeros": lambda good: changed(
        good, "state", "random", value=torch.zeros_like(good["state"]["random"])
    ),
    "time that is not a number": lambda good: changed(good, "state", "seconds", value=float("nan")),
    "processes without a device": lambda good: changed(good, "state", "processes", value=[{"epoch": 1}]),
}


@pytest.mark.parametrize("kind", FORGED)
def test_of_a_forged_restart_point_the_one_before_is_used(train, stopped, tmp_path, capsys, kind):
    folder = tmp_path / "run"
    (folder / "restart").mkdir(parents=True)
    write(folder / "restart" / NEWEST, FORGED[kind](stopped))
    write(folder / "restart" / PREVIOUS, stopped)
    capsys.readouterr()
    run = train(folder)
    newest, previous = capsys.readouterr().err.splitlines()[:2]
    assert "newest.pt: damaged (" in newest
    assert "previous.pt: epoch 2, step 9" in previous
    assert run.outcome.restarts == 1
    assert np.array_equal(run.weights.vector(), train(tmp_path / "undisturbed").weights.vector())


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_a_training_leaves_is_fit_to_go_on_from(train, tmp_path, recipe):
    with pytest.raises(Interrupted):
        train(tmp_path / "run", RECIPES[recipe], stop=True)
    run = train(tmp_path / "run", RECIPES[recipe])
    assert run.outcome.restarts == 1
    assert np.array_equal(run.weights.vector(), train(tmp_path / "other", RECIPES[recipe]).weights.vector())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_in_a_restart_point_the_training_ends(train, stopped, tmp_path, data):
    values = [-1, 0, 2**40, 1.5, float("inf"), "text", None, [], {}, torch.zeros(2), True]
    keys, inner = [], stopped
    while isinstance(inner, dict | list) and inner and (len(keys) < 2 or data.draw(st.booleans())):
        keys.append(data.draw(st.sampled_from(list(inner) if isinstance(inner, dict) else range(len(inner)))))
        inner = inner[keys[-1]]
    folder = tmp_path / "fuzzed"
    (folder / "restart").mkdir(parents=True, exist_ok=True)
    write(folder / "restart" / NEWEST, changed(stopped, *keys, value=data.draw(st.sampled_from(values))))
    assert train(folder).outcome.epochs == 2

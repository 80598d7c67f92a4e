"""A training that was stopped goes on from its restart point."""

from pathlib import Path

import numpy as np
import pytest

from badminima.config import OptimizationConfig, RecipeConfig
from badminima.errors import Interrupted
from badminima.experiment.settings import InitializeSettings, TrainSettings
from badminima.models.starts import initialize
from badminima.training.engine import Hooks
from badminima.training.job import run_training
from badminima.training.restart import NEWEST, PREVIOUS, Interruption, RestartPoints

IDENTITY = {"settings": {}, "start": "0" * 64}
RECIPES = {
    "momentum": RecipeConfig(momentum=0.9),
    "adam": RecipeConfig(optimizer="adam"),
    "averaged": RecipeConfig(ema=0.9),
    "full batch": RecipeConfig(full_batch=True),
}


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


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_stopped_training_goes_on_to_the_same_bits(train, tmp_path, recipe):
    with pytest.raises(Interrupted):
        train(tmp_path / "run", RECIPES[recipe], stop=True)
    run = train(tmp_path / "run", RECIPES[recipe])
    assert run.outcome.restarts == 1
    assert [process.epoch for process in run.outcome.processes] == [0, 2]
    assert np.array_equal(run.weights.vector(), train(tmp_path / "other", RECIPES[recipe]).weights.vector())


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"", lambda content: content[1:]])
def test_if_a_restart_point_is_damaged_the_previous_one_is_used(train, tmp_path, capsys, damage):
    with pytest.raises(Interrupted):
        train(tmp_path / "run", stop=True)
    newest = tmp_path / "run" / "restart" / NEWEST
    newest.with_name(PREVIOUS).write_bytes(newest.read_bytes())
    newest.write_bytes(damage(newest.read_bytes()))
    assert train(tmp_path / "run").outcome.restarts == 1
    told = capsys.readouterr().err
    assert "newest.pt: damaged (its digest does not fit); not used" in told
    assert "previous.pt: epoch 2, step 9" in told

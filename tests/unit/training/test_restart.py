"""A training that was stopped goes on from its restart point."""

from pathlib import Path

import pytest

from badminima.config import OptimizationConfig, RecipeConfig
from badminima.errors import Interrupted
from badminima.experiment.settings import InitializeSettings, TrainSettings
from badminima.models.starts import initialize
from badminima.training.engine import Hooks
from badminima.training.job import run_training
from badminima.training.restart import NEWEST, PREVIOUS, Interruption, RestartPoints

IDENTITY = {"settings": {}, "start": "0" * 64}
MOMENTUM = RecipeConfig(momentum=0.9)


@pytest.fixture
def train(digits, digits_on_torch, small_mlp, train_settings, tmp_path):
    """Train two epochs of 8 batches, stopped in the second one where that is asked for."""
    begin = initialize(
        InitializeSettings(model=small_mlp, dataset="digits", model_name="mlp", root_seed=0, seed=0), digits
    )
    optimization = OptimizationConfig(batch_size=16, learning_rate=0.05, epochs=2, milestones=[])

    def run(folder: Path, stop: bool = False):
        of_run = TrainSettings(**{**train_settings.model_dump(), "recipe": MOMENTUM, "optimization": optimization})
        interruption = Interruption()

        def report(row):
            if stop and row.epoch == 1:
                interruption.signal_name = "SIGTERM"

        with RestartPoints(folder, IDENTITY, 1000) as points:
            return run_training(
                of_run, digits_on_torch, begin, tmp_path, hooks=Hooks(report, None, points, interruption)
            )

    return run


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

"""A run passes for one of a config's only with the settings that the config gives it."""

import json
from typing import Any

import pytest

from badminima.config.base import without_defaults
from badminima.errors import UserError
from badminima.experiment.records import RunRecord
from badminima.experiment.settings import TrainSettings
from tests.configs import with_presets


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

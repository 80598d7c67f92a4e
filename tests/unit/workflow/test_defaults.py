"""Settings without their defaults: what reruns a job, and what does not."""

import json
from copy import deepcopy

import pytest
from pydantic import create_model

from badminima.config import RecipeConfig
from badminima.config.base import without_defaults
from badminima.errors import UserError
from badminima.experiment.runs import all_runs
from badminima.experiment.settings import TrainSettings
from badminima.experiment.slices import diagnose_settings, train_settings
from badminima.workflow.defaults import (
    DEFAULTS,
    check_revisions,
    current_defaults,
    defaults_text,
)
from badminima.workflow.settings_files import SettingsFiles
from tests.configs import with_presets
from tests.conftest import REPOSITORY


def test_settings_come_back_whole():
    config = with_presets("paper")
    for run in all_runs(config)[::97]:
        for settings in (train_settings(config, run), diagnose_settings(config, run)):
            text = json.dumps(without_defaults(settings))
            assert type(settings).model_validate(json.loads(text)) == settings


def test_a_new_field_that_is_off_names_the_same_file_and_one_that_is_on_another(tmp_path, train_settings):
    files = SettingsFiles(tmp_path)
    recipe = create_model("Recipe", __base__=RecipeConfig, lookahead=(float | None, None))
    longer = create_model("Train", __base__=TrainSettings, recipe=(recipe, ...))
    values = train_settings.model_dump()
    assert files.path(longer(**values)) == files.path(train_settings)
    values["recipe"]["lookahead"] = 0.5
    assert files.path(longer(**values)) != files.path(train_settings)


def test_a_revision_is_never_left_out(train_settings):
    assert without_defaults(train_settings)["revision"] == train_settings.revision
    assert "momentum" not in without_defaults(train_settings)["recipe"]


def test_the_stored_defaults_are_those_of_the_code_and_none_has_changed_under_its_revision():
    stored = json.loads((REPOSITORY / DEFAULTS).read_text())
    check_revisions(stored, current_defaults())
    assert defaults_text(stored) == defaults_text(current_defaults()), "run `make schema`"


def test_a_changed_default_needs_a_new_revision():
    stored = json.loads((REPOSITORY / DEFAULTS).read_text())
    changed = deepcopy(stored)
    revision = stored["TrainSettings"]["revision"]
    changed["TrainSettings"]["defaults"]["recipe.momentum"] = 0.5
    problem = rf"TrainSettings\.recipe\.momentum: .* raise TrainSettings\.revision above {revision}"
    with pytest.raises(UserError, match=problem):
        check_revisions(stored, changed)
    changed["TrainSettings"]["revision"] = revision + 1
    check_revisions(stored, changed)
    del changed["TrainSettings"]["defaults"]["recipe.momentum"]
    changed["TrainSettings"]["defaults"]["recipe.new"] = None
    changed["TrainSettings"]["revision"] = revision
    check_revisions(stored, changed)

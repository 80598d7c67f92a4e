"""Settings without their defaults: what reruns a job, and what does not."""

import json
from hashlib import sha256

import pytest
from pydantic import BaseModel, create_model

from badminima.config import RecipeConfig
from badminima.config.base import plain, without_defaults
from badminima.config.registry import ARCHITECTURES, DIAGNOSTICS, SOURCES
from badminima.experiment import settings
from badminima.experiment.runs import all_runs
from badminima.experiment.settings import DiagnoseSettings, TrainSettings
from badminima.workflow.settings_files import SettingsFiles
from tests.configs import with_presets


def test_settings_come_back_whole():
    config = with_presets("paper")
    for run in all_runs(config)[::97]:
        for found in (TrainSettings.of(config, run), DiagnoseSettings.of(config, run)):
            assert type(found).model_validate(json.loads(json.dumps(without_defaults(found)))) == found


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


# Of the stages whose results cost hours: the revision, and a digest of the defaults that the text leaves out.
DEFAULTS = {
    "PrepareSettings": (1, "7172c317242c"),
    "ConfuseSettings": (1, "84bef1ed1c72"),
    "InitializeSettings": (1, "32d2f3bf7268"),
    "RescaleSettings": (1, "2e26684bce01"),
    "TrainSettings": (3, "bb028d39f22a"),
    "AlongSettings": (4, "ce3511b0cb27"),
    "DiagnoseSettings": (4, "a02dc252fc23"),
}
OPTIONS = {
    "PrepareSettings": SOURCES,
    **dict.fromkeys(("InitializeSettings", "RescaleSettings", "TrainSettings"), ARCHITECTURES),
    **dict.fromkeys(("DiagnoseSettings", "AlongSettings"), DIAGNOSTICS),
}


def defaults_of(annotation) -> object:
    """Return the defaults of all sections in a type, by field."""
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return [defaults_of(inner) for inner in getattr(annotation, "__args__", ())]
    fields = {name: field for name, field in annotation.model_fields.items() if name != "revision"}
    given = {
        name: plain(field.get_default(call_default_factory=True))
        for name, field in fields.items()
        if not field.is_required()
    }
    return given, {name: defaults_of(field.annotation) for name, field in fields.items()}


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_changed_default_needs_a_new_revision(name):
    section = getattr(settings, name)
    entries = OPTIONS[name].entries if name in OPTIONS else {}
    options = {entry: defaults_of(extension.options) for entry, extension in sorted(entries.items())}
    digest = sha256(json.dumps([defaults_of(section), options]).encode()).hexdigest()[:12]
    found = (section.model_fields["revision"].default, digest)
    assert found == DEFAULTS[name], "state this, with a raised revision if a default changed, not for a new field"

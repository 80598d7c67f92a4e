"""Files that don't belong to one run are refused in one line that names both, by everything that reads a run."""

import json
import shutil
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from badminima.analysis.tables import collect
from badminima.diagnostics.diagnose import Inputs, measure_along, read_context
from badminima.errors import UserError
from badminima.experiment.paths import Paths
from badminima.experiment.records import origin, read_record
from badminima.experiment.settings import AlongSettings, CollectSettings, DiagnoseSettings, TrainSettings
from badminima.results.export import make_card
from badminima.storage.tensorfiles import read_tensors, stated_digest, write_tensors
from badminima.workflow.settings_files import SettingsFiles
from tests.unit.results.conftest import RUN

OTHER = replace(RUN, seed=1)
BASELINE = replace(RUN, init="random")


def edit(path: Path, section: str, **changes: object) -> None:
    """Change values in a section of a JSON file."""
    content = json.loads(path.read_text())
    content[section] |= changes
    path.write_text(json.dumps(content))


def permute_dataset(paths: Paths) -> None:
    tensors, metadata = read_tensors(paths.prepared("digits"))
    write_tensors(paths.prepared("digits"), {**tensors, "train.images": tensors["train.images"][::-1].copy()}, metadata)


def behind(paths: Paths, seed: int) -> dict[str, Path]:
    """Return the files behind an adversarial start, by role."""
    starts = {"start": "adversarial", "random": "random"}
    files = {role: paths.init("digits", "mlp", init, seed) / "weights.safetensors" for role, init in starts.items()}
    return {**files, "confusing": paths.confusing("digits", "adversarial", seed)}


READERS = {
    "collected": lambda results: collect(results.paths, CollectSettings.of(results.config, "ablation")),
    "exported": lambda results: make_card(results, RUN),
    "loaded": lambda results: results.model(*astuple(RUN)),
    "diagnosed": lambda results: read_context(
        DiagnoseSettings.of(results.config, RUN),
        Inputs(results.weights_path(*astuple(RUN)), prepared=results.paths.prepared("digits")),
    ),
}
OF_A_MODEL = ("exported", "loaded", "diagnosed")


@pytest.mark.parametrize(
    ("reader", "taken", "message"),
    [
        *((reader, "run.json", "vanilla/seed0/.*: found ") for reader in READERS),
        *((reader, "dataset", r"digits\.safetensors: found not the dataset .*run\.json") for reader in OF_A_MODEL),
        *((reader, "weights.safetensors", "safetensors: found not the weights") for reader in OF_A_MODEL),
        *((reader, "diagnostics.json", "json: found a file of .*seed1.*seed0") for reader in ("collected", "exported")),
        ("collected", "measured", r"diagnostics\.json: found not the weights .*run\.json"),
        ("collected", "predictions.safetensors", r"found not the predictions .*run\.json"),
        ("collected", "history.csv", r"history\.csv: found not the history .*run\.json"),
    ],
)
def test_a_file_that_a_reader_uses_is_refused_where_it_is_not_the_runs_own(copied, reader, taken, message):
    own, other = copied.paths.run(RUN), copied.paths.run(OTHER)
    if taken == "dataset":
        permute_dataset(copied.paths)
    elif taken == "measured":  # of the other seed, under this one's name
        shutil.copyfile(other / "diagnostics.json", own / "diagnostics.json")
        edit(own / "diagnostics.json", "settings", seed=RUN.seed)
    else:
        shutil.copyfile(other / taken, own / taken)
    with pytest.raises(UserError, match=message) as refused:
        READERS[reader](copied)
    assert "\n" not in str(refused.value)


def test_the_start_and_what_stands_behind_it_are_those_that_the_run_was_made_from(copied):
    paths, settings = copied.paths, DiagnoseSettings.of(copied.config, RUN)
    weights, own, other = paths.run(RUN) / "weights.safetensors", behind(paths, 0), behind(paths, 1)
    read_context(settings, Inputs(weights, **own))
    for role, text in (("confusing", "confusing set"), ("start", "start weights"), ("random", "random weights")):
        with pytest.raises(UserError, match=rf"seed1.*: found not the {text}.*run\.json names"):
            read_context(settings, Inputs(weights, **{**own, role: other[role]}))
    baseline = paths.run(BASELINE) / "weights.safetensors"
    with pytest.raises(UserError, match=r"seed0\.safetensors: found not the confusing set .*run\.json names"):
        read_context(DiagnoseSettings.of(copied.config, BASELINE), Inputs(baseline, confusing=own["confusing"]))


def test_a_run_is_compared_with_one_of_its_recipe_and_seed_alone(copied):
    paths, settings = copied.paths, DiagnoseSettings.of(copied.config, RUN, "compare")
    inputs = Inputs(paths.run(RUN) / "weights.safetensors", prepared=paths.prepared("digits"))
    baseline, other = (paths.run(replace(BASELINE, seed=seed)) / "weights.safetensors" for seed in (0, 1))
    read_context(settings, replace(inputs, reference=baseline))
    with pytest.raises(UserError, match=r"run\.json: found a file of digits/mlp/random/vanilla/seed1; expected"):
        read_context(settings, replace(inputs, reference=other))
    shutil.copyfile(other, baseline)
    with pytest.raises(UserError, match=r"random/vanilla/seed0/weights\.safetensors: found not the weights"):
        read_context(settings, replace(inputs, reference=baseline))


def test_a_run_with_other_settings_than_the_configs_is_in_no_table(copied, tmp_path):
    files = SettingsFiles(tmp_path / "settings")
    settings = files.with_trainings(copied.config, CollectSettings.of(copied.config, "ablation"))
    files.write()
    collect(copied.paths, settings)
    for folder in (copied.paths.init("digits", "mlp", "adversarial", 1), copied.paths.run(RUN)):
        edit(folder / "run.json", "settings", root_seed=4)
        with pytest.raises(UserError, match=rf"{folder.name}/run\.json: .*\(root_seed: 4 instead of 0"):
            collect(copied.paths, settings)


def test_a_training_starts_from_weights_that_their_record_names(copied):
    paths, found = copied.paths, behind(copied.paths, 0)
    prepared, start = paths.prepared("digits"), found["start"]
    made_from = {"dataset": stated_digest(prepared)} | {role: stated_digest(file) for role, file in found.items()}
    assert origin(prepared, start) == read_record(paths.run(RUN) / "run.json").content["made_from"] == made_from
    permute_dataset(paths)
    with pytest.raises(UserError, match="found not the dataset"):
        origin(prepared, start)
    shutil.copyfile(behind(paths, 1)["start"], start)
    with pytest.raises(UserError, match="found not the weights"):
        origin(prepared, start)


def test_what_is_measured_along_a_training_stands_behind_its_start(copied):
    paths, start = copied.paths, behind(copied.paths, 0)["start"]
    along = AlongSettings(measurements=["distance"])
    settings = TrainSettings.of(copied.config, RUN).model_copy(update={"along": along})
    own, other = (Inputs(start, start, paths.prepared("digits"), behind(paths, seed)["confusing"]) for seed in (0, 1))
    assert measure_along(settings, own) is not None
    with pytest.raises(UserError, match=r"seed1\.safetensors: found not the confusing set"):
        measure_along(settings, other)

"""Files that don't belong to one run are refused in one line that names both, by everything that reads a run."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from badminima.analysis.tables import collect
from badminima.diagnostics.diagnose import Inputs, measure_along, read_context
from badminima.errors import UserError
from badminima.experiment.paths import Paths
from badminima.experiment.records import origin, read_record
from badminima.experiment.settings import AlongSettings, CollectSettings, DiagnoseSettings, TrainSettings
from badminima.results.export import make_card
from badminima.results.results import Results
from badminima.storage.tensorfiles import read_tensors, stated_digest, write_tensors
from badminima.workflow.settings_files import SettingsFiles
from tests.unit.results.conftest import NAME, RUN

OTHER = replace(RUN, seed=1)
BASELINE = replace(RUN, init="random")


def edit(path: Path, **changes: object) -> None:
    """Change values of a JSON file; a key may lead inwards: ``final__test_accuracy``."""
    content = json.loads(path.read_text())
    for key, value in changes.items():
        *outer, last = key.split("__")
        inner = content
        for name in outer:
            inner = inner[name]
        inner[last] = value
    path.write_text(json.dumps(content))


def taken_from_another_seed(name: str) -> Callable[[Paths], None]:
    return lambda paths: shutil.copyfile(paths.run(OTHER) / name, paths.run(RUN) / name)


def edited(name: str, **changes: object) -> Callable[[Paths], None]:
    return lambda paths: edit(paths.run(RUN) / name, **changes)


def permuted_dataset(paths: Paths) -> None:
    tensors, metadata = read_tensors(paths.prepared("digits"))
    tensors = {name: np.array(tensor) for name, tensor in tensors.items()}
    tensors["train.images"] = tensors["train.images"][::-1]
    write_tensors(paths.prepared("digits"), tensors, metadata)


def measurements_of_another_seed_under_this_name(paths: Paths) -> None:
    taken_from_another_seed("diagnostics.json")(paths)
    edit(paths.run(RUN) / "diagnostics.json", settings__seed=RUN.seed)


def collected(results: Results) -> None:
    collect(results.paths, CollectSettings.of(results.config, "ablation"))


def exported(results: Results) -> None:
    make_card(results, RUN)


def loaded(results: Results) -> None:
    results.model(RUN.dataset, RUN.model, RUN.init, RUN.recipe, RUN.seed)


def diagnosed(results: Results) -> None:
    paths, start = results.paths, results.weights_path(*NAME.split("/")[:4], RUN.seed, "start")
    inputs = Inputs(paths.run(RUN) / "weights.safetensors", start, paths.prepared("digits"))
    read_context(DiagnoseSettings.of(results.config, RUN), inputs)


ALL = (collected, exported, loaded, diagnosed)
MODELS = (exported, loaded, diagnosed)
TABLES_AND_ZOO = (collected, exported)
SPOILED = [
    (taken_from_another_seed("weights.safetensors"), MODELS, ("weights.safetensors: found not the weights",)),
    (taken_from_another_seed("run.json"), ALL, ("run.json", "vanilla/seed", "found ")),
    (permuted_dataset, MODELS, ("digits.safetensors: found not the dataset", "run.json")),
    (edited("run.json", settings__recipe_name="da+m+l2"), ALL, ("run.json: found a file of", "expected one of")),
    (taken_from_another_seed("predictions.safetensors"), (collected,), ("found not the predictions", "run.json")),
    (taken_from_another_seed("history.csv"), (collected,), ("history.csv: found not the history", "run.json")),
    (taken_from_another_seed("diagnostics.json"), TABLES_AND_ZOO, ("diagnostics.json: found a file of", "seed0")),
    (
        measurements_of_another_seed_under_this_name,
        TABLES_AND_ZOO,
        ("diagnostics.json: found not the weights", "run.json"),
    ),
]


@pytest.mark.parametrize(
    ("spoil", "reader", "parts"), [(spoil, reader, parts) for spoil, readers, parts in SPOILED for reader in readers]
)
def test_a_file_that_a_reader_uses_is_refused_where_it_is_not_the_runs_own(copied, spoil, reader, parts):
    reader(copied)
    spoil(copied.paths)
    with pytest.raises(UserError) as refused:
        reader(Results(copied.paths.results))
    message = str(refused.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def behind(paths: Paths, seed: int) -> dict[str, Path]:
    """What stands behind an adversarial start, by role."""
    starts = {role: paths.init("digits", "mlp", init, seed) / "weights.safetensors" for role, init in STARTS.items()}
    return {**starts, "confusing": paths.confusing("digits", "adversarial", seed)}


STARTS = {"start": "adversarial", "random": "random"}


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
    config, files = copied.config, SettingsFiles(tmp_path / "settings")
    settings = files.with_trainings(config, CollectSettings.of(config, "ablation"))
    files.write()
    collect(copied.paths, settings)
    edited("run.json", settings__optimization__epochs=4)(copied.paths)
    with pytest.raises(UserError, match=r"adversarial/vanilla/seed0/run\.json: .*optimization\.epochs: 4 instead of 3"):
        collect(copied.paths, settings)
    edited("run.json", settings__optimization__epochs=3)(copied.paths)
    pretraining = copied.paths.init("digits", "mlp", "adversarial", 1) / "run.json"
    edit(pretraining, settings__recipe__momentum=0.5)
    with pytest.raises(UserError, match=r"seed1/run\.json: .*recipe\.momentum: 0\.5 instead of None"):
        collect(copied.paths, settings)


def test_a_training_starts_from_weights_that_their_record_names(copied):
    paths, found = copied.paths, behind(copied.paths, 0)
    prepared, start = paths.prepared("digits"), found["start"]
    made_from = {"dataset": stated_digest(prepared)} | {role: stated_digest(file) for role, file in found.items()}
    assert origin(prepared, start) == read_record(paths.run(RUN) / "run.json").content["made_from"] == made_from
    permuted_dataset(paths)
    with pytest.raises(UserError, match="found not the dataset"):
        origin(prepared, start)
    shutil.copyfile(behind(paths, 1)["start"], start)
    with pytest.raises(UserError, match="found not the weights"):
        origin(prepared, start)


def test_what_is_measured_along_a_training_stands_behind_its_start(copied):
    paths, start = copied.paths, behind(copied.paths, 0)["start"]
    settings = TrainSettings.of(copied.config, RUN).model_copy(
        update={"along": AlongSettings(measurements=["distance"])}
    )
    own, other = (Inputs(start, start, paths.prepared("digits"), behind(paths, seed)["confusing"]) for seed in (0, 1))
    assert measure_along(settings, own) is not None
    with pytest.raises(UserError, match=r"seed1\.safetensors: found not the confusing set"):
        measure_along(settings, other)

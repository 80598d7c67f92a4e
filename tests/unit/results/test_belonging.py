"""Files that don't belong to one run are refused in one line that names both, by everything that reads a run."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import badminima
from badminima.analysis.reading import StudyReader
from badminima.analysis.tables import collect
from badminima.diagnostics.diagnose import Inputs, measure_along, read_context
from badminima.errors import UserError
from badminima.experiment.paths import Paths
from badminima.experiment.records import origin, read_record
from badminima.experiment.settings import AlongSettings, CollectSettings, DiagnoseSettings, TrainSettings
from badminima.results.export import export
from badminima.results.results import Results
from badminima.storage.tensorfiles import read_tensors, stated_digest, write_tensors
from badminima.training.job import train
from badminima.workflow.settings_files import SettingsFiles
from tests.unit.results.conftest import NAME, RUN, restate

OTHER = replace(RUN, seed=1)
BASELINE = replace(RUN, init="random")


@pytest.fixture
def copied(demo_folder, tmp_path) -> Results:
    """The results, to be spoiled."""
    return Results(shutil.copytree(demo_folder / "results" / "demo", tmp_path / "results"))


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


def predictions_that_were_made_up(paths: Paths) -> None:
    """All right, with the digest in the record."""
    path = paths.run(RUN) / "predictions.safetensors"
    tensors, metadata = read_tensors(path)
    write_tensors(path, {"labels": tensors["labels"], "predicted": tensors["labels"]}, metadata)
    edit(paths.run(RUN) / "run.json", left__predictions=stated_digest(path))


def collected(results: Results) -> None:
    collect(results.paths, CollectSettings.of(results.config, "ablation"))


def exported(results: Results) -> None:
    export(results, [RUN], results.paths.results.parent / "zoo")


def loaded(results: Results) -> None:
    results.model(RUN.dataset, RUN.model, RUN.init, RUN.recipe, RUN.seed)


def diagnosed(results: Results) -> None:
    paths, start = results.paths, results.weights_path(*NAME.split("/")[:4], RUN.seed, "start")
    inputs = Inputs(paths.run(RUN) / "weights.safetensors", start, paths.prepared("digits"))
    read_context(DiagnoseSettings.of(results.config, RUN), inputs)


ALL = (collected, exported, loaded, diagnosed)
TABLES_AND_ZOO = (collected, exported)
SPOILED = [
    (taken_from_another_seed("weights.safetensors"), ALL, ("weights.safetensors: found other weights", "run.json")),
    (taken_from_another_seed("run.json"), ALL, ("run.json", "vanilla/seed", "found ")),
    (permuted_dataset, ALL, ("digits.safetensors: found another dataset", "run.json")),
    (edited("run.json", settings__recipe_name="da+m+l2"), ALL, ("run.json: found a file of", "expected one of")),
    (edited("run.json", final__test_accuracy=17), ALL, ("run.json: final.test_accuracy: found 17", "<= 1")),
    (edited("run.json", final__train_loss=-1.0), ALL, ("run.json: final.train_loss: found -1.0", ">= 0")),
    (edited("run.json", status="splendid"), ALL, ("run.json: status: found 'splendid'", "converged")),
    (edited("run.json", made_from=None), ALL, ("run.json: made_from: found None", "allowed")),
    (edited("run.json", final__test_accuracy=0.5), TABLES_AND_ZOO, ("predictions.safetensors: found ", "run.json")),
    (edited("run.json", final__train_accuracy=0.5), (collected,), ("history.csv: found a last train_acc", "run.json")),
    (taken_from_another_seed("predictions.safetensors"), TABLES_AND_ZOO, ("found other predictions", "run.json")),
    (predictions_that_were_made_up, TABLES_AND_ZOO, ("predictions of accuracy 1, where", "run.json")),
    (taken_from_another_seed("history.csv"), TABLES_AND_ZOO, ("history.csv: found another history", "run.json")),
    (taken_from_another_seed("diagnostics.json"), TABLES_AND_ZOO, ("diagnostics.json: found a file of", "seed0")),
    (
        measurements_of_another_seed_under_this_name,
        TABLES_AND_ZOO,
        ("diagnostics.json: found measurements of other weights", "run.json"),
    ),
    (edited("diagnostics.json", values="many"), TABLES_AND_ZOO, ("diagnostics.json: values: found 'many'", "mapping")),
]


def test_what_belongs_to_a_run_is_read(copied):
    for reader in ALL:
        reader(copied)


@pytest.mark.parametrize(
    ("spoil", "reader", "parts"), [(spoil, reader, parts) for spoil, readers, parts in SPOILED for reader in readers]
)
def test_what_does_not_belong_to_a_run_is_refused_by_all_that_read_it(copied, spoil, reader, parts):
    spoil(copied.paths)
    with pytest.raises(UserError) as refused:
        reader(Results(copied.paths.results))
    message = str(refused.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_the_start_and_what_stands_behind_it_are_those_that_the_run_was_made_from(copied):
    paths = copied.paths
    weights = paths.run(RUN) / "weights.safetensors"
    own, other = ({"confusing": paths.confusing("digits", "adversarial", seed)} for seed in (0, 1))
    for found, seed in ((own, 0), (other, 1)):
        found["start"] = paths.init("digits", "mlp", "adversarial", seed) / "weights.safetensors"
        found["random"] = paths.init("digits", "mlp", "random", seed) / "weights.safetensors"
    settings = DiagnoseSettings.of(copied.config, RUN)
    read_context(settings, Inputs(weights, **own))
    for role, text in (("confusing", "another confusing set"), ("start", "other start"), ("random", "other random")):
        with pytest.raises(UserError, match=rf"seed1.*: found {text}.*run\.json names"):
            read_context(settings, Inputs(weights, **{**own, role: other[role]}))
    baseline = paths.run(BASELINE) / "weights.safetensors"
    with pytest.raises(UserError, match=r"seed0\.safetensors: found another confusing set .*run\.json names none"):
        read_context(DiagnoseSettings.of(copied.config, BASELINE), Inputs(baseline, confusing=own["confusing"]))


def test_a_run_is_compared_with_one_of_its_recipe_and_seed_alone(copied):
    paths = copied.paths
    settings = DiagnoseSettings.of(copied.config, RUN, "compare")
    weights, prepared = paths.run(RUN) / "weights.safetensors", paths.prepared("digits")
    read_context(settings, Inputs(weights, prepared=prepared, reference=paths.run(BASELINE) / "weights.safetensors"))
    other = paths.run(replace(BASELINE, seed=1))
    with pytest.raises(UserError, match=r"run\.json: found a file of digits/mlp/random/vanilla/seed1; expected"):
        read_context(settings, Inputs(weights, prepared=prepared, reference=other / "weights.safetensors"))
    shutil.copyfile(other / "weights.safetensors", paths.run(BASELINE) / "weights.safetensors")
    with pytest.raises(UserError, match=r"random/vanilla/seed0/weights\.safetensors: found other weights"):
        read_context(settings, Inputs(weights, reference=paths.run(BASELINE) / "weights.safetensors"))


def test_a_run_with_other_settings_than_the_configs_is_in_no_table(copied, tmp_path):
    config, files = copied.config, SettingsFiles(tmp_path / "settings")
    settings = files.with_trainings(config, CollectSettings.of(config, "ablation"))
    files.write()
    collect(copied.paths, settings)
    edited("run.json", settings__optimization__epochs=4)(copied.paths)
    with pytest.raises(UserError, match=r"adversarial/vanilla/seed0/run\.json: .*optimization\.epochs 4.* gives 3"):
        collect(copied.paths, settings)
    edited("run.json", settings__optimization__epochs=3)(copied.paths)
    pretraining = copied.paths.init("digits", "mlp", "adversarial", 1) / "run.json"
    edit(pretraining, settings__recipe__momentum=0.5)
    with pytest.raises(UserError, match=r"seed1/run\.json: .*recipe\.momentum 0\.5.* gives None"):
        collect(copied.paths, settings)


def test_a_comparison_with_weights_that_no_run_ended_at_is_refused(copied):
    folder = copied.paths.run(RUN)
    settings = CollectSettings.of(copied.config, "ablation").model_copy(update={"compared": ["adversarial"]})
    baselines = {run: copied.paths.run(replace(run, init="random")) for run in copied.trained}
    for run, baseline in baselines.items():
        if run.init == "adversarial":
            path = copied.paths.run(run) / "comparison.json"
            shutil.copyfile(path.with_name("diagnostics.json"), path)
            edit(path, made_from__reference=stated_digest(baseline / "weights.safetensors"), values={"functions.kl": 1})
    assert "functions.kl" in collect(copied.paths, settings).runs
    edit(folder / "comparison.json", made_from__reference="0" * 64)
    with pytest.raises(UserError, match=r"comparison\.json: found a comparison with weights \(00000000\) that no run"):
        collect(copied.paths, settings)


def test_a_pretraining_is_collected_with_its_own_files(copied):
    folder = copied.paths.init("digits", "mlp", "adversarial", 0)
    shutil.copyfile(
        copied.paths.confusing("digits", "adversarial", 1), copied.paths.confusing("digits", "adversarial", 0)
    )
    with pytest.raises(UserError, match=r"seed0\.safetensors: found another confusing set .*seed0/run\.json names"):
        collected(copied)
    edit(folder / "run.json", confusing=None)
    with pytest.raises(UserError, match=r"run\.json: found a training without a confusing set"):
        collected(copied)


def test_a_training_starts_from_weights_that_their_record_names(copied):
    paths = copied.paths
    prepared, start = paths.prepared("digits"), paths.init("digits", "mlp", "adversarial", 0) / "weights.safetensors"
    made_from = read_record(paths.run(RUN) / "run.json").stated.made_from
    assert origin(prepared, start) == made_from
    assert made_from.confusing == stated_digest(paths.confusing("digits", "adversarial", 0))
    assert made_from.random == stated_digest(paths.init("digits", "mlp", "random", 0) / "weights.safetensors")
    permuted_dataset(paths)
    with pytest.raises(UserError, match="found another dataset"):
        origin(prepared, start)
    shutil.copyfile(paths.init("digits", "mlp", "adversarial", 1) / "weights.safetensors", start)
    with pytest.raises(UserError, match="found other weights"):
        origin(prepared, start)


def test_a_first_training_starts_from_no_other_run(copied):
    paths = copied.paths
    prepared = paths.prepared("digits")
    starts = [paths.init("digits", "mlp", "adversarial", seed) / "weights.safetensors" for seed in (0, 1)]
    assert origin(prepared, starts[0], run=RUN) == origin(prepared, starts[0])
    for start, run in ((starts[1], RUN), (starts[0], replace(RUN, init="true_labels")), (starts[0], OTHER)):
        with pytest.raises(UserError, match=r"run\.json: found a file of digits/mlp/adversarial/vanilla/seed"):
            origin(prepared, start, run=run)
    # The end of a run is the start of an init of any other name, for the same seed.
    end = paths.run(RUN) / "weights.safetensors"
    origin(prepared, end, run=replace(RUN, init="adversarial_end", recipe="da"))
    with pytest.raises(UserError, match=r"seed0; expected one of .*seed1"):
        origin(prepared, end, run=replace(OTHER, init="adversarial_end"))


@pytest.mark.parametrize(
    ("init", "seed", "run", "is_refused"),
    [
        ("random", 0, BASELINE, False),
        ("random", 1, BASELINE, True),
        ("random", 0, RUN, True),
        ("random", 0, replace(BASELINE, model="other"), True),
        ("random", 0, replace(BASELINE, dataset="other"), True),
    ],
)
def test_drawn_weights_of_another_run_are_no_start(copied, init, seed, run, is_refused):
    paths = copied.paths
    start = paths.init("digits", "mlp", init, seed) / "weights.safetensors"
    if not is_refused:
        assert origin(paths.prepared("digits"), start, run=run).start == stated_digest(start)
        return
    with pytest.raises(UserError, match="found the start of other runs; expected the start of"):
        origin(paths.prepared("digits"), start, run=run)


def test_a_pretraining_starts_from_drawn_weights_of_its_seed(copied, tmp_path):
    paths = copied.paths
    confusing = paths.confusing("digits", "adversarial", 0)
    drawn = [paths.init("digits", "mlp", "random", seed) / "weights.safetensors" for seed in (0, 1)]
    pretraining = replace(RUN, recipe="vanilla")
    origin(paths.prepared("digits"), drawn[0], confusing, pretraining)
    with pytest.raises(UserError, match="found the start of other runs"):
        origin(paths.prepared("digits"), drawn[1], confusing, pretraining)
    # Elsewhere weights are whatever someone calls them.
    shutil.copyfile(drawn[1], tmp_path / "mine.safetensors")
    origin(paths.prepared("digits"), tmp_path / "mine.safetensors", confusing, pretraining)


def test_a_training_is_refused_before_its_first_step_where_its_start_is_another_seeds(copied, tmp_path):
    paths = copied.paths
    settings = TrainSettings.model_validate(copied.record(*NAME.split("/")[:4], 0)["settings"])
    other = paths.init("digits", "mlp", "adversarial", 1) / "weights.safetensors"
    with pytest.raises(UserError, match=r"seed1; expected one of .*seed0"):
        train(settings, paths.prepared("digits"), other, tmp_path / "run", 300)
    assert not (tmp_path / "run").exists()


def test_a_landscape_around_another_runs_end_is_refused(copied):
    paths = copied.paths
    settings = CollectSettings.of(copied.config, "ablation")
    path = paths.run(RUN) / "landscape.csv"
    own, other = (stated_digest(paths.run(run) / "weights.safetensors") for run in (RUN, OTHER))
    reader = StudyReader(paths, settings)
    for column, digest, message in (
        ("weights_sha256", other, rf"landscape\.csv: found other weights \({other[:8]}\), where .*run\.json names"),
        ("position", own, r"landscape\.csv: found other weights \(unnamed\)"),
    ):
        path.write_text(f"kind,{column}\npath,{digest}\n")
        with pytest.raises(UserError, match=message):
            reader.landscape(RUN)
    path.write_text(f"kind,weights_sha256\npath,{own}\n")
    assert reader.landscape(RUN) == path.read_bytes()
    path.write_text("kind,weights_sha256\n")  # it was skipped
    assert reader.landscape(RUN) == path.read_bytes()


def test_what_is_measured_along_a_training_stands_behind_its_start(copied):
    paths = copied.paths
    settings = TrainSettings.model_validate(copied.record(*NAME.split("/")[:4], 0)["settings"])
    settings = settings.model_copy(update={"along": AlongSettings(measurements=["distance"])})
    start = paths.init("digits", "mlp", "adversarial", 0) / "weights.safetensors"
    own, other = (paths.confusing("digits", "adversarial", seed) for seed in (0, 1))
    assert measure_along(settings, Inputs(start, start, paths.prepared("digits"), own)) is not None
    with pytest.raises(UserError, match=r"seed1\.safetensors: found another confusing set"):
        measure_along(settings, Inputs(start, start, paths.prepared("digits"), other))


def test_every_measurement_states_what_was_measured(copied):
    measured = json.loads((copied.paths.run(RUN) / "diagnostics.json").read_text())["made_from"]
    record = read_record(copied.paths.run(RUN) / "run.json").stated
    assert measured["weights"] == record.left.weights
    assert (measured["start"], measured["dataset"]) == (record.made_from.start, record.made_from.dataset)


# The index of a zoo may be made to fit its files: then they are still to fit each other.


def swap_weights(zoo: Path) -> None:
    shutil.copyfile(zoo / NAME.replace("seed0", "seed1") / "weights.safetensors", zoo / NAME / "weights.safetensors")


def swap_cards(zoo: Path) -> None:
    shutil.copyfile(zoo / NAME.replace("seed0", "seed1") / "card.json", zoo / NAME / "card.json")


def praise(zoo: Path) -> None:
    edit(zoo / NAME / "card.json", final__test_accuracy=0.999)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (swap_weights, r"weights\.safetensors: found other weights .*card\.json names"),
        (swap_cards, r"card\.json: found the card of .*seed1; expected that of .*seed0"),
        (praise, r"index\.csv: found test_accuracy .* of digits/.*, where .*card\.json says 0\.999"),
    ],
)
def test_a_zoo_whose_index_was_made_to_fit_is_not_verified(zoo_folder, tmp_path, spoil, message):
    zoo = Path(shutil.copytree(zoo_folder, tmp_path / "zoo"))
    badminima.zoo.load(zoo).verify()
    spoil(zoo)
    restate(zoo)
    with pytest.raises(UserError, match=message):
        badminima.zoo.load(zoo).verify()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("name", "../../etc", "as the name of"),
        ("name", "/etc/passwd", "as the name of"),
        ("init", "..", "unfit names"),
        ("dataset", "/tmp", "unfit names"),
        ("recipe", "a/b", "unfit names"),
        ("test_accuracy", 17, "test_accuracy 17"),
        ("train_accuracy", np.nan, "train_accuracy nan"),
        ("seed", 0.5, "damaged index"),
        ("seed", "x", "damaged index"),
    ],
)
def test_an_index_that_leads_elsewhere_or_says_what_cannot_be_is_refused(zoo_folder, tmp_path, column, value, message):
    zoo = Path(shutil.copytree(zoo_folder, tmp_path / "zoo"))
    index = pd.read_csv(zoo / "index.csv").astype(object)
    index.loc[0, column] = value
    index.to_csv(zoo / "index.csv", index=False)
    with pytest.raises(UserError, match=message) as refused:
        badminima.zoo.load(zoo)
    assert "\n" not in str(refused.value)

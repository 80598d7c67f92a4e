"""``badminima.load``: finished results by name."""

import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import badminima
from badminima.data.confusing import read_confusing
from badminima.data.prepared import read_prepared
from badminima.errors import UserError
from badminima.experiment.paths import TABLE_NAMES, Paths
from badminima.experiment.runs import all_runs
from badminima.models.weights import read_weights
from badminima.storage.tensorfiles import read_tensors
from tests.unit.results.conftest import RUN

COORDINATES = ("digits", "mlp", "adversarial", "vanilla", 0)


def test_importing_the_package_loads_neither_pandas_nor_torch():
    code = "import sys, badminima; print([name for name in ('torch', 'pandas', 'numpy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_tables_of_two_studies_stand_one_under_the_other(copied):
    folder = copied.paths.results / "tables"
    shutil.copytree(folder / "ablation", folder / "again")
    both = badminima.load(folder.parent)
    assert repr(both).endswith(": 8 runs, tables of ablation, again)")
    for name in TABLE_NAMES:
        table, of_one = getattr(both, name), getattr(both.tables("ablation"), name)
        assert table.columns[0] == "study"
        for study in ("ablation", "again"):
            rows = table[table["study"] == study].drop(columns="study").reset_index(drop=True)
            pd.testing.assert_frame_equal(rows, of_one)


def test_a_run_is_trained_once_its_record_is_there_and_seeds_are_ordered_as_numbers(copied):
    assert set(copied.trained) == set(all_runs(copied.config))
    cell = copied.paths.runs / "digits/mlp/random/vanilla"
    (cell / "seed1").rename(cell / "seed10")
    shutil.copytree(cell / "seed0", cell / "seed2")
    shutil.copytree(cell / "seed0", cell / "seed3")
    (cell / "seed3" / "run.json").unlink()
    of_cell = [run.seed for run in copied.trained if (run.init, run.recipe) == ("random", "vanilla")]
    assert of_cell == [0, 2, 10]


def test_every_column_of_the_runs_has_a_meaning(results):
    columns = results.columns()
    assert list(columns.index) == list(results.runs)
    # The one that the fixture made up.
    assert list(columns.index[columns["meaning"] == ""]) == ["sharpness.lambda"]
    assert columns.loc["test_accuracy"].tolist() == ["test accuracy", "accuracy on held-out images", "fraction"]
    assert results.columns("histories")["meaning"].ne("").all()
    with pytest.raises(UserError, match=r"did you mean histories\? there: runs, "):
        results.columns("historys")


def test_a_figure_is_found_by_name_and_one_that_is_not_drawn_names_those_that_are(copied):
    (copied.paths.results / "figures").mkdir()
    for extension in ("svg", "png", "pdf", "csv"):
        copied.paths.figure("ablation", extension).write_text("value\n1\n")
    figure = copied.figure("ablation")
    assert copied.figure("fig_ablation") == figure
    assert figure.data["value"].tolist() == [1]
    assert figure._repr_svg_() == "value\n1\n"
    assert len(repr(figure).splitlines()) == 1
    with pytest.raises(UserError, match=r"no figure 'ablaton'.*did you mean ablation\? drawn: ablation;"):
        copied.figure("ablaton")


def test_claims_that_were_decided_alone_are_read_until_all_are(results, tmp_path):
    paths = Paths(tmp_path)
    for made in ("runs", "claims"):
        (tmp_path / made).mkdir()
    of_group = {group: results.claims[results.claims["claim"].str.match(rf"{group}(?!\d)")] for group in ("4", "2")}
    for group, rows in of_group.items():
        rows.to_csv(paths.verdicts(group, "csv"), index=False)
    assert list(badminima.load(tmp_path).claims["claim"]) == [*of_group["2"]["claim"], *of_group["4"]["claim"]]
    results.claims.to_csv(paths.all_verdicts("csv"), index=False)
    assert list(badminima.load(tmp_path).claims["claim"]) == list(results.claims["claim"])


def test_a_model_is_the_runs_own_and_predicts_what_it_recorded(copied):
    # It is built as its run says, not as the config does.
    folder = copied.paths.results
    (folder / "config.json").write_text((folder / "config.json").read_text().replace("[16]", "[99]"))
    images = copied.dataset("digits").test_images
    inputs, state = copied.inputs("digits", images), torch.get_rng_state()
    assert torch.equal(inputs, copied.inputs("digits", images.numpy()))
    model, start = copied.model(*COORDINATES), copied.model(*COORDINATES, at="start")
    assert torch.equal(state, torch.get_rng_state())
    assert not model.training
    recorded, _ = read_tensors(copied.paths.run(RUN) / "predictions.safetensors", "pt")
    with torch.no_grad():
        assert torch.equal(model(inputs).argmax(1), recorded["predicted"])
    weights = read_weights(copied.paths.init("digits", "mlp", "adversarial", 0) / "weights.safetensors")
    for name, parameter in start.named_parameters():
        assert np.array_equal(parameter.detach().numpy(), weights.parameters[name])


def test_inputs_are_normalized_by_the_training_images(results):
    inputs = results.inputs("digits", results.dataset("digits").train_images)
    assert [inputs.mean().item(), inputs.std(correction=0).item()] == pytest.approx([0, 1], abs=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"init": "adversrial"}, r"runs/digits/mlp: found no 'adversrial'; there: adversarial, random$"),
        ({"seed": 7}, r"runs/digits/mlp/adversarial/vanilla: found no 'seed7'; there: seed0, seed1$"),
        ({"dataset": "../data"}, r"runs: found no '\.\.'; there: digits$"),
        ({"at": "middle"}, r"^at: found 'middle'; allowed: end, start$"),
    ],
)
def test_a_run_that_is_not_there_names_what_is(results, change, message):
    arguments = {**dict(zip(("dataset", "model", "init", "recipe", "seed"), COORDINATES, strict=True)), **change}
    with pytest.raises(UserError, match=message):
        results.weights(**arguments)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda partly: partly.runs, "tables: found no tables; run the target tables first"),
        (lambda partly: partly.tables("scale"), "tables/scale: found no tables; studies with tables: none"),
        (lambda partly: partly.claims, r"claims\.csv: found no such file; run the target claims, or that of one"),
        (lambda partly: partly.config, r"config\.json: found no such file"),
        (
            lambda partly: partly.model(*COORDINATES),
            r"digits\.safetensors: found no such file; prepared .*: none",
        ),
        (
            lambda partly: badminima.load(partly.paths.results.parent / "dmo"),
            r"dmo: found no such .*: partly; or run",
        ),
        (
            lambda partly: badminima.load(partly.paths.results.parent),
            r"found neither runs nor .*: partly; or run",
        ),
        (lambda partly: badminima.load(partly.paths.runs), r"results in .*: none"),
    ],
)
def test_what_did_not_run_yet_is_named(results, tmp_path, ask, message):
    (tmp_path / "partly").mkdir()
    (tmp_path / "partly" / "runs").symlink_to(results.paths.runs)
    with pytest.raises(UserError, match=message):
        ask(badminima.load(tmp_path / "partly"))


@pytest.mark.parametrize(
    ("reader", "given"),
    [
        (read_prepared, "runs/digits/mlp/random/vanilla/seed0/weights.safetensors"),
        (read_confusing, "data/digits.safetensors"),
        (read_weights, "data/digits.safetensors"),
    ],
)
def test_a_tensor_file_of_another_kind_is_refused(results, reader, given):
    with pytest.raises(UserError, match=r"found no .*; expected "):
        reader(results.paths.results / given)


def test_a_tilde_is_the_home_folder(demo_folder, zoo_folder, monkeypatch):
    monkeypatch.setenv("HOME", str(demo_folder))
    assert badminima.load("~/results/demo").paths.results == demo_folder / "results" / "demo"
    assert badminima.zoo.load("~/zoo").folder == zoo_folder

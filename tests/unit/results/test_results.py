"""``badminima.load``: finished results by name."""

import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import badminima
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


def test_every_table_is_there_with_its_study_in_front(results):
    for name in TABLE_NAMES:
        table = getattr(results, name)
        assert table.columns[0] == "study"
        assert set(table["study"]) <= {"ablation"}
        pd.testing.assert_frame_equal(table.drop(columns="study"), getattr(results.tables("ablation"), name))
    assert len(results.runs) == 8


def test_tables_of_two_studies_stand_one_under_the_other(results, copied):
    folder = copied.paths.results / "tables"
    shutil.copytree(folder / "ablation", folder / "again")
    both = badminima.load(folder.parent)
    assert both.studies == ["ablation", "again"]
    assert both.runs["study"].tolist() == ["ablation"] * 8 + ["again"] * 8
    assert both.runs.index.is_unique
    assert both.runs["seed"].dtype == results.runs["seed"].dtype


def test_the_trained_runs_are_those_of_the_config(results):
    assert set(results.trained) == set(all_runs(results.config))
    assert "8 runs, tables of ablation" in repr(results)


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


def test_a_model_predicts_what_the_run_recorded(results):
    model = results.model(*COORDINATES)
    assert not model.training
    inputs = results.inputs("digits", results.dataset("digits").test_images)
    recorded, _ = read_tensors(results.paths.run(RUN) / "predictions.safetensors", "pt")
    with torch.no_grad():
        predicted = model(inputs).argmax(1)
    assert torch.equal(predicted, recorded["predicted"])


def test_a_model_at_its_start_holds_the_weights_of_its_init(results):
    model = results.model(*COORDINATES, at="start")
    start = read_weights(results.paths.init("digits", "mlp", "adversarial", 0) / "weights.safetensors")
    for name, parameter in model.named_parameters():
        assert np.array_equal(parameter.detach().numpy(), start.parameters[name])
    end = results.weights(*COORDINATES)
    assert not np.array_equal(end.vector(), start.vector())


def test_building_a_model_draws_no_random_number_of_the_users(results):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    results.model(*COORDINATES)
    assert torch.equal(torch.rand(3), expected)


def test_a_model_is_built_as_its_run_says_not_as_the_config_does(copied):
    folder = copied.paths.results
    (folder / "config.json").write_text((folder / "config.json").read_text().replace("[16]", "[99]"))
    assert badminima.load(folder).model(*COORDINATES)[1].out_features == 16


def test_inputs_are_normalized_by_the_training_images(results):
    images = results.dataset("digits").train_images
    inputs = results.inputs("digits", images)
    assert inputs.mean().item() == pytest.approx(0, abs=1e-5)
    assert inputs.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert torch.equal(results.inputs("digits", images.numpy()), inputs)


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
        results.model(**arguments)


def test_a_training_that_is_not_finished_is_no_run(copied):
    (copied.paths.run(RUN) / "run.json").unlink()
    assert RUN not in copied.trained
    with pytest.raises(UserError, match="found no 'seed0'; there: seed1"):
        copied.weights(*COORDINATES)


def test_what_did_not_run_yet_is_named(results, tmp_path):
    folder = tmp_path / "results" / "partly"
    shutil.copytree(results.paths.results / "runs", folder / "runs")
    partly = badminima.load(folder)
    assert partly.studies == []
    assert len(partly.trained) == 8
    for ask, message in [
        (lambda: partly.runs, "tables: found no tables; run the target tables first"),
        (lambda: partly.tables("scale"), "tables/scale: found no tables; studies with tables: none"),
        (lambda: partly.claims, r"claims\.csv: found no such file; run the target claims, or that of one claim, first"),
        (lambda: partly.config, r"config\.json: found no such file"),
        (lambda: partly.model(*COORDINATES), r"digits\.safetensors: found no such file; prepared datasets: none"),
    ]:
        with pytest.raises(UserError, match=message):
            ask()


def test_a_folder_without_results_names_those_nearby(results, tmp_path):
    parent = results.paths.results.parent
    with pytest.raises(UserError, match=r"dmo: found no such folder; results in .*: demo; or run"):
        badminima.load(parent / "dmo")
    with pytest.raises(UserError, match=r"found neither runs nor tables; results in .*: demo; or run"):
        badminima.load(parent)
    with pytest.raises(UserError, match=r"results in .*: none"):
        badminima.load(tmp_path)


def test_seeds_are_in_the_order_of_numbers(copied):
    cell = copied.paths.runs / "digits/mlp/random/vanilla"
    (cell / "seed1").rename(cell / "seed10")
    shutil.copytree(cell / "seed0", cell / "seed2")
    of_cell = [run.seed for run in copied.trained if (run.init, run.recipe) == ("random", "vanilla")]
    assert of_cell == [0, 2, 10]


def test_a_tilde_is_the_home_folder(demo_folder, zoo_folder, monkeypatch):
    monkeypatch.setenv("HOME", str(demo_folder))
    assert badminima.load("~/results/demo").paths.results == demo_folder / "results" / "demo"
    assert badminima.zoo.load("~/zoo").folder == zoo_folder


def test_images_that_are_no_bytes_are_refused(results):
    with pytest.raises(UserError, match="images: found float32 2x1x8x8; expected uint8 n x 1 x h x w"):
        results.inputs("digits", torch.zeros(2, 1, 8, 8))
    with pytest.raises(UserError, match="found uint8 2x3x8x8"):
        results.inputs("digits", torch.zeros(2, 3, 8, 8, dtype=torch.uint8))

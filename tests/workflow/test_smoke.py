"""The pipeline end to end on real data: the smoke preset through real Snakemake, and what it left behind."""

import json
import re
import subprocess
import sys
from importlib.resources import files
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from badminima.analysis.claims import GROUPS, claims_of
from badminima.analysis.claims.grids import undecidable
from badminima.analysis.tables import read_study
from badminima.config.registry import DIAGNOSTICS
from badminima.data.prepared import read_prepared
from badminima.experiment.paths import RUN_FILES, Paths
from badminima.experiment.runs import Run, all_runs
from badminima.experiment.settings import FigureSettings
from badminima.models.weights import read_weights
from badminima.report.figures import draw_figure
from badminima.storage.tensorfiles import read_tensors
from tests.conftest import REPOSITORY
from tests.workflow.browser import WIDTHS, in_chromium

SMOKE = ["--configfile", "presets/smoke.yaml"]


@pytest.fixture(scope="module")
def paths(smoke) -> Paths:
    return Paths(smoke.folder / "results" / "smoke")


@pytest.fixture(scope="module")
def config(smoke):
    return smoke.config("smoke")


def record_of(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text())


def test_the_stages_before_training_leave_what_the_config_says(paths):
    dataset = read_prepared(paths.prepared("digits"))
    assert dataset.train_images.shape == (100, 1, 8, 8)
    assert dataset.test_images.shape == (1797 - 150, 1, 8, 8)
    for seed in (0, 1):
        labels, metadata = read_tensors(paths.confusing("digits", "true_labels", seed))
        assert np.array_equal(labels["labels"], np.repeat(dataset.train_labels, 2))
        assert metadata["reachable_accuracy"] == 1.0
        true, random = (record_of(paths.init("digits", "mlp", init, seed)) for init in ("true_labels", "adversarial"))
        assert random["status"] == "converged"
        assert random["final"]["train_accuracy"] == 1.0
        # It fits long before that, and goes on.
        assert true["epochs"] == random["epochs"]


def test_tables_hold_loss_and_spread_of_every_start_and_the_control_matches(paths):
    runs = read_study(paths.tables("ablation")).runs
    starts = runs.groupby(["init", "seed"])[["start.logit_spread", "start.loss"]].first()
    spreads = starts["start.logit_spread"].unstack()
    assert spreads.loc["random_rescaled"].to_numpy() == pytest.approx(spreads.loc["adversarial"].to_numpy(), rel=1e-3)
    losses = starts["start.loss"].unstack()
    # Sure of random labels is wrong about true ones.
    assert (losses.loc["adversarial"] > losses.loc["random"]).all()
    assert (losses.loc["true_labels"] < 0.1).all()


def test_every_run_leaves_its_files_and_a_sound_record(paths, config):
    for run in all_runs(config):
        folder = paths.run(run)
        assert all((folder / name).stat().st_size > 0 for name in (*RUN_FILES, "diagnostics.json"))
        record = record_of(folder)
        assert record["status"] in ("converged", "max_epochs")
        assert record["settings"]["recipe_name"] == run.recipe
        assert 0.5 < record["final"]["train_accuracy"] <= 1
        assert 0.2 < record["final"]["test_accuracy"] < 1
        history = pd.read_csv(folder / "history.csv")
        assert history["epoch"].tolist() == [0, 5, 10, 15, 20]
        assert history["lr"].tolist() == pytest.approx([0.05] * 4 + [0.005])
        assert history["test_accuracy"].iloc[-1] == pytest.approx(record["final"]["test_accuracy"])


def test_tables_have_a_row_per_run_and_agree_with_the_predictions(paths, config):
    tables = read_study(paths.tables("ablation"))
    assert len(tables.runs) == len(all_runs(config)) == 16
    assert len(tables.pretraining) == 4
    assert np.allclose(tables.correct["digits"].mean(axis=1), tables.runs["test_accuracy"])
    accuracy = tables.cells[tables.cells["statistic"] == "test_accuracy"]
    assert len(accuracy) == 8
    assert (accuracy["low"] < accuracy["mean"]).all()
    assert (accuracy["mean"] < accuracy["high"]).all()
    means = tables.runs.groupby(["init", "recipe"])["test_accuracy"].mean()
    assert accuracy.set_index(["init", "recipe"])["mean"].to_dict() == pytest.approx(means.to_dict())


def test_diagnostics_measure_the_weights_on_disk(paths):
    run = Run("digits", "mlp", "random", "vanilla", 0)
    start = read_weights(paths.init("digits", "mlp", "random", 0) / "weights.safetensors").vector()
    end = read_weights(paths.run(run) / "weights.safetensors").vector()
    values = json.loads((paths.run(run) / "diagnostics.json").read_text())["values"]
    assert values["distance.total"] == pytest.approx(np.linalg.norm(end - start))
    assert values["norm.end"] == pytest.approx(np.linalg.norm(end))


def measure_by_hand(*arguments: str) -> tuple[dict[str, float], str]:
    """Return what diagnose.py prints for a run, and which modules it imported."""
    command = [sys.executable, "-X", "importtime", str(REPOSITORY / "workflow" / "scripts" / "diagnose.py")]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["values"], done.stderr


def test_runs_compared_in_one_job_differ_as_one_that_is_compared_alone(paths):
    run, other = (paths.run(Run("digits", "mlp", init, "da+m+l2", 1)) for init in ("adversarial", "random"))
    files = ("--weights", f"{run}/weights.safetensors", "--reference", f"{other}/weights.safetensors")
    values, _ = measure_by_hand(*files, "--only", "functions")
    assert values == json.loads((run / "comparison.json").read_text())["values"]


def test_measuring_loads_nothing_that_takes_long_and_is_not_needed(paths):
    run = paths.run(Run("digits", "mlp", "adversarial", "vanilla", 0))
    # What is measured along a path comes from gradients of single images, which need more of torch.
    names = [name for name in DIAGNOSTICS.names if name not in ("trace", "gradients", "landscape")]
    chosen = [option for name in names for option in ("--only", name)]
    values, imports = measure_by_hand("--weights", f"{run}/weights.safetensors", *chosen)
    assert {"sharpness.trace", "robustness.clean"} <= set(values)
    assert "torch.nn" in imports
    # The first two come with a gradient of a vector, and take as long as all measurements of a small network.
    for module in ("sympy", "torch.fx.experimental.symbolic_shapes", "torch._dynamo", "pandas", "torchvision"):
        assert not re.search(rf"\| +{re.escape(module)}$", imports, re.MULTILINE)


def test_figures_of_outcomes_show_what_the_tables_with_measurements_would(paths, config):
    drawing = draw_figure(read_study(paths.tables("ablation")), FigureSettings.of(config, "ablation"))
    shown = pd.read_csv(StringIO(drawing.shown.to_csv(index=False)), dtype=str)
    pd.testing.assert_frame_equal(pd.read_csv(paths.figure("ablation", "csv"), dtype=str), shown)


def test_tables_for_papers_hold_what_the_study_says(paths):
    shown = pd.read_csv(paths.paper_table("ablation", "csv"))
    cells = read_study(paths.tables("ablation")).cells.set_index(["init", "recipe", "statistic"])["mean"]
    accuracy = shown[shown["statistic"] == "test_accuracy"].set_index(["init", "recipe", "statistic"])["mean"]
    assert accuracy.to_dict() == pytest.approx({key: cells[key] for key in accuracy.index})
    assert len(accuracy) == 8


def test_claims_have_verdicts_and_those_without_runs_are_not_measured(paths):
    verdicts = pd.read_csv(paths.results / "claims.csv").set_index("claim")["verdict"]
    assert verdicts["3a da+m"] == "not measured"
    assert verdicts["1b"] != "not measured"
    assert "<table" in (paths.results / "claims.html").read_text()


def test_the_report_holds_every_figure_with_its_caption_and_nothing_of_the_machine(paths, config, smoke):
    html = (paths.results / "report.html").read_text()
    for name in [*config.figures, "confusing", "toy", "toy_mechanism"]:
        assert f'id="fig-{name}"' in html
    for words in ("Open circles are", "data:image/gif", "--configfile presets/smoke.yaml"):
        assert words in html
    assert str(smoke.folder) not in html


@pytest.mark.parametrize("dark", [False, True])
def test_the_report_reads_at_every_width_and_by_keyboard_alone(paths, config, tmp_path, dark):
    browsed = in_chromium(paths.results / "report.html", tmp_path, dark=dark)
    assert browsed["console"] == []
    claims = pd.read_csv(paths.results / "claims.csv")
    for width in WIDTHS:
        seen = browsed[width]
        assert seen["wide"] <= width
        assert seen["pictures"] == len(config.figures) + 4  # the confusing set, the toy, its animation and mechanism
        assert (seen["broken"], seen["dead"], seen["lost"]) == (0, [], [])
        assert seen["focusable"] > 50
        assert (np.mean([int(part) for part in re.findall(r"\d+", seen["ink"])]) > 128) == dark
        for words in (*claims.loc[claims["seeds"] > 0, "statement"], "no runs of", "Code revision", "torch 2."):
            assert words in seen["text"]


def test_the_report_keeps_no_reader_out(paths, tmp_path):
    axe = Path(str(files("axe_core_python").joinpath("axe.min.js")))
    seen = in_chromium(paths.results / "report.html", tmp_path, axe=axe)
    assert [seen[width]["axe"] for width in WIDTHS] == [[]] * len(WIDTHS)


def test_snakemakes_own_report_has_every_job_and_result(paths):
    html = (paths.results / "provenance.html").read_text()
    for words in ("fig_ablation.png", "anim_toy.gif", "claims.html", "summary.html", "table_main.html"):
        assert words in html
    assert "Open circles are seeds" in html
    assert "The target" in html


def test_each_claim_alone_says_what_all_of_them_say(smoke, paths, config):
    # But for the columns that depend on how many claims are read.
    whole = pd.read_csv(paths.results / "claims.csv", dtype=str).drop(columns=["p_holm", "family_wise"])
    groups = [group for group in GROUPS if undecidable(config, group) is None]
    done = smoke.snakemake(*SMOKE, "--", *[f"claim_{group}" for group in groups], "explore")
    assert (paths.results / "explore.html").read_text().count('class="plotly-graph-div"') == 3
    for group in groups:
        numbers = [claim.number for claim in claims_of(group)]
        expected = whole[whole["claim"].isin(numbers)].reset_index(drop=True)
        # As text: the same to the last digit.
        pd.testing.assert_frame_equal(pd.read_csv(paths.verdicts(group, "csv"), dtype=str), expected)
        assert all(f"claim {number}" in done.stdout for number in numbers)
        assert "<table" in paths.verdicts(group, "html").read_text()


def test_the_logger_counts_trainings_and_names_each_figure(smoke, config):
    lines = (smoke.folder / "shown.txt").read_text().splitlines()
    for name in config.figures:
        assert f"figure results/smoke/figures/fig_{name}.png" in lines
    done = re.compile(r"jobs (\d+)/\1 pretrainings 4/4, trainings 16/16, about 0:00:00 left$")
    assert any(map(done.search, lines))


def test_a_second_run_does_nothing(smoke):
    assert smoke.planned(*SMOKE, "--", "all", "provenance") == {}


OTHER_STUDY = (
    "studies={other: {question: q, datasets: [digits], models: [mlp], inits: [random, adversarial], "
    "recipes: [vanilla], seeds: [0, 1]}}"
)
OF_OUTCOMES = ("fig_pretraining", "fig_curves", "fig_ablation", "fig_escape", "table_main", "table_ablation")
AFTER_MEASUREMENTS = dict.fromkeys(
    ("collect", "fig_distance", "fig_landscape", "fig_measures", "fig_scatter", "fig_units", "claims", "report"), 1
)
AFTER_RUNS = {**AFTER_MEASUREMENTS, **dict.fromkeys(("collect_outcomes", *OF_OUTCOMES), 1)}
# Around all runs that do not start from random weights, both recipes of an init and seed together; and around the first
# seed's from the adversarial ones with one recipe.
AROUND = {"compare": 6, "landscape": 1}


@pytest.mark.parametrize(
    ("change", "rerun"),
    [
        # 4 inits x 2 seeds use the recipe.
        (["recipes={da+m+l2: {momentum: 0.8}}"], {"train": 8, "diagnose": 8, **AROUND, **AFTER_RUNS}),
        # Only the recipe with augmentation depends on it.
        (["datasets={digits: {augmentation: {padding: 2}}}"], {"train": 8, "diagnose": 8, **AROUND, **AFTER_RUNS}),
        # Where verified files come from, how often restart points are written and unused recipes change no result.
        (["data={download_dir: elsewhere}", "restart={seconds: 7}", "recipes={m+l2: {momentum: 0.8}}"], {}),
        # Everything made of the adversarial weights, and of true_labels, which extends them: 3 inits x 2 recipes x 2
        # seeds.
        (
            ["inits={adversarial: {noise: 0.3}}"],
            {"confuse": 4, "pretrain": 4, "rescale": 2, "train": 12, "diagnose": 12, "fig_confusing": 1}
            | {**AROUND, "landscape": 2, **AFTER_RUNS},
        ),
        # The same runs under another name: tables of their own, and other tables to read the claims from. It has one of
        # the recipes that were compared together, so that they are compared apart: 2 recipes x 2 seeds.
        ([OTHER_STUDY, "claims={study: other}"], {"compare": 2, "compare_1": 2, **AFTER_MEASUREMENTS, "collect": 2}),
        (["statistics={margin: 0.02}"], {**AFTER_RUNS, "fig_toy": 1, "fig_toy_mechanism": 1}),
        (["figures={ablation: {recipes: [vanilla]}}"], {"fig_ablation": 1, "report": 1}),
        # Options of a measurement that is made in a rule of its own.
        (["measuring={options: {functions: {points: 3}}}"], {"compare": 6, **AFTER_MEASUREMENTS}),
    ],
)
def test_a_changed_value_reruns_what_depends_on_it_and_nothing_else(smoke, change, rerun):
    planned = smoke.planned(*SMOKE, "--config", *change)
    assert {rule: count for rule, count in planned.items() if rule not in ("all", "record_config")} == rerun


def test_a_new_seed_changes_no_other_run(smoke):
    planned = smoke.planned(*SMOKE, "--config", "studies={ablation: {seeds: [0, 1, 2]}}")
    assert planned["train"] == 4 * 2  # inits x recipes of the new seed; the other runs stay
    assert planned["pretrain"] == planned["confuse"] == 2


def test_a_changed_resource_and_a_deleted_figure_make_that_figure_and_what_reads_the_config(smoke, paths):
    change = ["--config", "resources={train: {runtime: 6}}"]
    paths.figure("curves", "png").unlink()
    assert smoke.planned(*SMOKE, *change) == {"fig_curves": 1, "report": 1, "record_config": 1, "all": 1}
    # The page shows figures as SVG.
    assert smoke.planned(*SMOKE, *change, "--", "report") == {}
    others = {name: paths.figure(name, "png").stat().st_mtime_ns for name in ("ablation", "distance")}
    smoke.snakemake(*SMOKE)
    assert paths.figure("curves", "png").exists()
    assert others == {name: paths.figure(name, "png").stat().st_mtime_ns for name in others}


def test_the_order_of_overlays_is_no_change(smoke, tmp_path):
    # New keys, whose order the merged config keeps: in a mapping of its own, and among options of a measurement.
    overlays = {
        "one": {"recipes": {"unused_a": {}}, "measuring": {"options": {"landscape": {"margin": 0.25}}}},
        "two": {"recipes": {"unused_b": {}}, "measuring": {"options": {"landscape": {"plane": 3}, "memory": {}}}},
    }
    for name, content in overlays.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
    files = [str(tmp_path / f"{name}.yaml") for name in overlays]
    smoke.snakemake(*SMOKE, *files, "--", "results/smoke/config.json")
    for order in (files, files[::-1]):
        planned = smoke.planned(*SMOKE, *order, "--", "all")
        assert not {"record_config", "train", "diagnose", "landscape"} & planned.keys()

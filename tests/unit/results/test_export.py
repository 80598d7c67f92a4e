"""Making a zoo: the stage, its command and its target."""

import json
import subprocess
import sys

import pandas as pd
import pytest
import torch

import badminima
from badminima.config.load import load_config
from badminima.errors import UserError
from badminima.experiment.runs import study_runs, zoo_study
from badminima.results.export import export, make_card
from badminima.zoo import COLUMNS, card_page
from tests.configs import overlay, raw_config
from tests.conftest import REPOSITORY
from tests.unit.results.conftest import NAME, RUN


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    script = [sys.executable, str(REPOSITORY / "workflow/scripts/zoo.py")]
    return subprocess.run([*script, *map(str, arguments)], capture_output=True, text=True)


def test_the_index_has_a_row_per_run_that_agrees_with_the_tables(results, zoo_folder):
    index = pd.read_csv(zoo_folder / "index.csv")
    assert index.columns.tolist() == COLUMNS
    keys = ["dataset", "model", "init", "recipe", "seed"]
    merged = index.merge(results.runs, on=keys, suffixes=("", "_table"), validate="one_to_one")
    assert len(merged) == len(results.trained) == 8
    for column in ("status", "train_accuracy", "test_accuracy"):
        assert (merged[column] == merged[f"{column}_table"]).all()


def test_a_run_without_measurements_has_a_card(copied, tmp_path):
    (copied.paths.run(RUN) / "diagnostics.json").unlink()
    export(copied, [RUN], tmp_path / "zoo")
    minimum = badminima.zoo.load(tmp_path / "zoo")[NAME]
    assert minimum.card.measurements == {}
    assert "None were made." in (tmp_path / "zoo" / NAME / "card.md").read_text()
    minimum.model()


def test_comparisons_and_what_was_skipped_are_on_the_card(copied):
    measured = json.loads((copied.paths.run(RUN) / "diagnostics.json").read_text())
    comparison = {**measured, "values": {"functions.kl": 0.5}, "skipped": {"functions": "a | b"}}
    (copied.paths.run(RUN) / "comparison.json").write_text(json.dumps(comparison))
    card = make_card(copied, RUN)
    assert card.measurements["functions.kl"] == 0.5
    assert "distance.total" in card.measurements
    assert "| functions | a / b |" in card_page(card)


def test_a_diverged_run_is_exported_as_such(copied, tmp_path):
    path = copied.paths.run(RUN) / "run.json"
    record = json.loads(path.read_text())
    record["status"] = "diverged"
    record["final"] |= {"train_loss": None, "test_loss": None}
    path.write_text(json.dumps(record))
    export(copied, [RUN], tmp_path / "zoo")
    assert badminima.zoo.load(tmp_path / "zoo").index.loc[NAME, "status"] == "diverged"
    page = (tmp_path / "zoo" / NAME / "card.md").read_text()
    assert "it is no minimum" in page
    assert "| not finite |" in page


def test_damaged_weights_are_not_exported(copied, tmp_path):
    path = copied.paths.run(RUN) / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="its digest does not fit"):
        export(copied, copied.trained, tmp_path / "zoo")
    assert [entry.name for entry in tmp_path.iterdir()] == ["results"]  # nothing half made


def test_the_command_exports_what_is_chosen(results, tmp_path):
    done = command(
        *("--results", results.paths.results, "--output", tmp_path / "zoo"),
        *("--inits", "adversarial", "--inits", "random", "--seeds", 1),
        *("--cells", "adversarial/vanilla", "--cells", "adversarial/da+m+l2", "--cells", "random/vanilla", "--data"),
    )
    assert done.returncode == 0, done.stderr
    zoo = badminima.zoo.load(tmp_path / "zoo")
    chosen = ("adversarial/vanilla", "adversarial/da+m+l2", "random/vanilla")
    assert set(zoo) == {f"digits/mlp/{cell}/seed1" for cell in chosen}
    data = zoo["digits/mlp/random/vanilla/seed1"].dataset()
    assert torch.equal(data.test_images, results.dataset("digits").test_images)


def test_a_choice_that_nothing_fits_and_a_full_folder_are_one_line(results, zoo_folder, tmp_path):
    for arguments, message in [
        (
            ("--output", tmp_path / "zoo", "--recipes", "sgd"),
            "Error: --recipes: found 'sgd'; trained: da+m+l2, vanilla",
        ),
        (("--output", tmp_path / "zoo", "--seeds", 5), "Error: --seeds: found 5; trained: 0, 1"),
        (("--output", zoo_folder), f"Error: {zoo_folder}: found a folder that is not empty; name a new one, or delete"),
    ]:
        done = command("--results", results.paths.results, *arguments)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith(message)
    assert not (tmp_path / "zoo").exists()


def test_the_target_exports_the_first_seed_of_the_claims_study_unless_told_otherwise():
    config = load_config(raw_config())
    assert len(study_runs(zoo_study(config))) == 4 * 4 * 20
    chosen = {"recipes": ["vanilla"], "inits": ["adversarial"], "seeds": [3, 1]}
    narrow = zoo_study(load_config(overlay(raw_config(), {"zoo": chosen})))
    assert {(run.init, run.recipe, run.seed) for run in study_runs(narrow)} == {
        ("adversarial", "vanilla", 3),
        ("adversarial", "vanilla", 1),
    }


@pytest.mark.parametrize(
    ("zoo", "message"),
    [
        ({"recipes": ["sgd"]}, "zoo.recipes: found 'sgd'; allowed: vanilla, da"),
        ({"inits": ["full_batch"]}, "zoo.inits: found 'full_batch'; allowed: random, adversarial"),
        ({"seeds": [9]}, "zoo.seeds: found 9; allowed: 0, 1, 2, 3, 4"),
    ],
)
def test_a_target_of_runs_that_the_study_lacks_is_refused(zoo, message):
    with pytest.raises(UserError, match=message):
        load_config(overlay(raw_config(), {"zoo": zoo}))

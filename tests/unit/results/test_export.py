"""Making a zoo: the stage, its command and its target."""

import json
import runpy

import pytest
import torch
from click.testing import CliRunner

import badminima
from badminima.config.load import load_config
from badminima.errors import UserError
from badminima.experiment.runs import study_runs, zoo_study
from badminima.results.export import export, make_card
from badminima.zoo import card_page
from tests.configs import overlay, raw_config
from tests.conftest import REPOSITORY
from tests.unit.results.conftest import NAME, RUN


def zoo(*arguments: object):
    """Run the command."""
    main = runpy.run_path(str(REPOSITORY / "workflow" / "scripts" / "zoo.py"))["zoo"]
    return CliRunner().invoke(main, list(map(str, arguments)))


def changed(path, **values) -> None:
    """Change values of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_card_tells_what_was_measured_and_why_something_was_not(copied):
    folder = copied.paths.run(RUN)
    (folder / "comparison.json").write_bytes((folder / "diagnostics.json").read_bytes())
    changed(folder / "comparison.json", values={"functions.kl": 0.5}, skipped={"functions": "a | b"})
    changed(folder / "diagnostics.json", failed={"norms": "it <failed>"})
    card = make_card(copied, RUN)
    assert card.measurements["functions.kl"] == 0.5
    assert "distance.total" in card.measurements
    assert card.skipped == {"norms": "it <failed>", "functions": "a | b"}
    assert "| functions | a / b |" in card_page(card)


def test_a_diverged_run_without_measurements_is_exported_as_such(copied, tmp_path):
    folder = copied.paths.run(RUN)
    (folder / "diagnostics.json").unlink()
    changed(folder / "run.json", status="diverged")
    export(copied, [RUN], tmp_path / "zoo")
    found = badminima.zoo.load(tmp_path / "zoo")
    assert found.index.loc[NAME, "status"] == found[NAME].card.status == "diverged"
    assert found[NAME].card.measurements == {}
    page = (tmp_path / "zoo" / NAME / "card.md").read_text()
    assert "it is no minimum" in page
    assert "None were made." in page


def test_damaged_weights_are_not_exported(copied, tmp_path):
    path = copied.paths.run(RUN) / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="its digest does not fit"):
        export(copied, copied.trained, tmp_path / "zoo")
    assert [entry.name for entry in tmp_path.iterdir()] == ["results"]  # nothing half made


def test_the_target_exports_the_first_seed_of_the_claims_study_unless_told_otherwise():
    config = load_config(raw_config())
    assert len(study_runs(zoo_study(config))) == 4 * 4 * 20
    chosen = {"recipes": ["vanilla"], "inits": ["adversarial"], "seeds": [3, 1]}
    narrow = zoo_study(load_config(overlay(raw_config(), {"zoo": chosen})))
    found = {(run.init, run.recipe, run.seed) for run in study_runs(narrow)}
    assert found == {("adversarial", "vanilla", 3), ("adversarial", "vanilla", 1)}


def test_the_command_exports_what_is_chosen(results, tmp_path):
    done = zoo(
        *("--results", results.paths.results, "--output", tmp_path / "zoo"),
        *("--inits", "adversarial", "--inits", "random", "--seeds", 1),
        *("--cells", "adversarial/vanilla", "--cells", "adversarial/da+m+l2", "--cells", "random/vanilla", "--data"),
    )
    assert done.exit_code == 0, done.stderr
    found = badminima.zoo.load(tmp_path / "zoo")
    chosen = ("adversarial/vanilla", "adversarial/da+m+l2", "random/vanilla")
    assert set(found) == {f"digits/mlp/{cell}/seed1" for cell in chosen}
    data = found["digits/mlp/random/vanilla/seed1"].dataset()
    assert torch.equal(data.test_images, results.dataset("digits").test_images)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--output", "new", "--recipes", "sgd"), "--recipes: found 'sgd'; trained: da+m+l2, vanilla"),
        (("--output", "new", "--seeds", 5), "--seeds: found 5; trained: 0, 1"),
        (("--output", "full"), "full: found a folder that is not empty; name a new one, or delete"),
    ],
)
def test_a_choice_that_nothing_fits_and_a_full_folder_are_one_line(results, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full" / "something").mkdir(parents=True)
    done = zoo("--results", results.paths.results, *arguments)
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: {message}")
    assert not (tmp_path / "new").exists()

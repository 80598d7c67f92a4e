"""Measuring by hand: the files of a run are found by their places."""

import json
from pathlib import Path

import pytest

from badminima.diagnostics.diagnose import Inputs
from badminima.experiment.paths import Paths
from badminima.experiment.runs import Run
from badminima.results.beside import beside


def weights_of(results: Paths, init: str, recipe: str = "da+m") -> Path:
    return results.run(Run("digits", "mlp", init, recipe, 3)) / "weights.safetensors"


@pytest.fixture
def results(tmp_path) -> Paths:
    paths = Paths(tmp_path / "results")
    files = [paths.prepared("digits"), paths.confusing("digits", "adversarial", 3)]
    for init in ("random", "adversarial"):
        files += [paths.init("digits", "mlp", init, 3) / "weights.safetensors", weights_of(paths, init)]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths


def test_a_run_from_an_adversarial_start_has_all_files(results):
    weights = weights_of(results, "adversarial")
    assert beside(Inputs(weights)) == Inputs(
        weights,
        start=results.init("digits", "mlp", "adversarial", 3) / "weights.safetensors",
        prepared=results.prepared("digits"),
        confusing=results.confusing("digits", "adversarial", 3),
        random=results.init("digits", "mlp", "random", 3) / "weights.safetensors",
        reference=weights_of(results, "random"),
    )


def test_what_lies_behind_a_run_lies_behind_the_runs_that_go_on_from_it(results):
    inits = {
        "random": {"kind": "random"},
        "adversarial": {"kind": "adversarial", "replication": 2, "noise": 0.1},
        "end": {"kind": "run", "start": "adversarial", "recipe": "da+m"},
    }
    (results.results / "config.json").write_text(json.dumps({"inits": inits}))
    weights = weights_of(results, "end")
    weights.parent.mkdir(parents=True)
    weights.touch()
    found = beside(Inputs(weights))
    assert found.start == weights_of(results, "adversarial")
    assert found.confusing == results.confusing("digits", "adversarial", 3)
    assert found.random == results.init("digits", "mlp", "random", 3) / "weights.safetensors"
    assert found.reference == weights_of(results, "random")


def test_a_run_from_random_weights_has_neither_pretraining_nor_reference(results):
    found = beside(Inputs(weights_of(results, "random")))
    assert found.random is found.reference is found.confusing is None


def test_what_is_given_wins_and_weights_elsewhere_have_no_neighbours(results, tmp_path):
    assert beside(Inputs(weights_of(results, "random"), start=tmp_path / "mine")).start == tmp_path / "mine"
    assert beside(Inputs(tmp_path / "weights.safetensors")) == Inputs(tmp_path / "weights.safetensors")

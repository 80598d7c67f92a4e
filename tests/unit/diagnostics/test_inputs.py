"""Measuring by hand: the files of a run are found by their places."""

import json

import pytest

from badminima.diagnostics.diagnose import Inputs
from badminima.experiment.paths import Paths
from badminima.experiment.runs import Run
from badminima.results.beside import beside


@pytest.fixture
def results(tmp_path):
    paths = Paths(tmp_path / "results")
    for init in ("random", "adversarial"):
        for path in (
            paths.init("digits", "mlp", init, 3) / "weights.safetensors",
            paths.run(Run("digits", "mlp", init, "da+m", 3)) / "weights.safetensors",
            paths.prepared("digits"),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    paths.confusing("digits", "adversarial", 3).parent.mkdir(parents=True)
    paths.confusing("digits", "adversarial", 3).touch()
    (paths.init("digits", "mlp", "adversarial", 3) / "run.json").touch()
    return paths


def test_a_run_from_an_adversarial_start_has_all_files(results):
    weights = results.run(Run("digits", "mlp", "adversarial", "da+m", 3)) / "weights.safetensors"
    found = beside(Inputs(weights))
    assert found.start == results.init("digits", "mlp", "adversarial", 3) / "weights.safetensors"
    assert found.random == results.init("digits", "mlp", "random", 3) / "weights.safetensors"
    assert found.reference == results.run(Run("digits", "mlp", "random", "da+m", 3)) / "weights.safetensors"
    assert found.confusing == results.confusing("digits", "adversarial", 3)
    assert found.prepared == results.prepared("digits")


def test_other_names_are_looked_up_in_the_recorded_config(results):
    confusing = {"replication": 2, "noise": 0.1}
    inits = {"big": {"kind": "random"}, "adv_big": {"kind": "adversarial", "start": "big", **confusing}}
    (results.results / "config.json").write_text(json.dumps({"inits": inits}))
    for init in inits:
        for path in (results.init("digits", "mlp", init, 3), results.run(Run("digits", "mlp", init, "da+m", 3))):
            path.mkdir(parents=True)
            (path / "weights.safetensors").touch()
    found = beside(Inputs(results.run(Run("digits", "mlp", "adv_big", "da+m", 3)) / "weights.safetensors"))
    assert found.reference == results.run(Run("digits", "mlp", "big", "da+m", 3)) / "weights.safetensors"
    assert beside(Inputs(results.run(Run("digits", "mlp", "big", "da+m", 3)) / "weights.safetensors")).reference is None


def test_what_lies_behind_a_run_lies_behind_the_runs_that_go_on_from_it(results):
    inits = {
        "random": {"kind": "random"},
        "adversarial": {"kind": "adversarial", "replication": 2, "noise": 0.1},
        "end": {"kind": "run", "start": "adversarial", "recipe": "da+m"},
        "end_of_end": {"kind": "run", "start": "end", "recipe": "l2"},
    }
    (results.results / "config.json").write_text(json.dumps({"inits": inits}))
    first = Run("digits", "mlp", "adversarial", "da+m", 3)
    second, third = Run("digits", "mlp", "end", "l2", 3), Run("digits", "mlp", "end_of_end", "da+m", 3)
    for run in (second, third):
        results.run(run).mkdir(parents=True)
        (results.run(run) / "weights.safetensors").touch()
    for run, start in ((second, first), (third, second)):
        found = beside(Inputs(results.run(run) / "weights.safetensors"))
        assert found.start == results.run(start) / "weights.safetensors"
        assert found.confusing == results.confusing("digits", "adversarial", 3)
        assert found.random == results.init("digits", "mlp", "random", 3) / "weights.safetensors"
    # Compared with the same recipe from random weights, where that run was made.
    assert found.reference == results.run(Run("digits", "mlp", "random", "da+m", 3)) / "weights.safetensors"


def test_a_run_from_random_weights_has_neither_pretraining_nor_reference(results):
    found = beside(Inputs(results.run(Run("digits", "mlp", "random", "da+m", 3)) / "weights.safetensors"))
    assert found.random is found.reference is found.confusing is None


def test_what_is_given_wins_and_weights_elsewhere_have_no_neighbours(results, tmp_path):
    weights = results.run(Run("digits", "mlp", "random", "da+m", 3)) / "weights.safetensors"
    assert beside(Inputs(weights, start=tmp_path / "mine")).start == tmp_path / "mine"
    assert beside(Inputs(tmp_path / "weights.safetensors")) == Inputs(tmp_path / "weights.safetensors")

"""Starts that are end points of other runs: what Snakemake makes for them, and what their runs are measured with."""

import json
import re

import pytest
import yaml

import badminima
from badminima.experiment.paths import Paths
from badminima.experiment.runs import Run
from badminima.models.weights import read_weights
from tests.checkout import Checkout, make_checkout

OVERLAY = {
    "results": "results/starts",
    "inits": {
        "random_end": {"kind": "run", "start": "random", "recipe": "m"},
        "adversarial_end": {"kind": "run", "start": "adversarial", "recipe": "vanilla"},
        "later": {"kind": "run", "start": "adversarial_end", "recipe": "l2"},
    },
    "training": {"epochs": 4, "milestones": [], "evaluate_every": 2},
    "studies": {
        "ablation": {
            "inits": ["random", "random_end", "adversarial_end", "later"],
            "recipes": ["vanilla"],
            "seeds": [0],
            "along": ["distance", "memory"],
        }
    },
    "diagnostics": ["distance", "norms", "memory", "functions"],
    "figures": dict.fromkeys(("curves", "landscape", "units", "measures", "scatter", "escape", "pretraining")),
    "tables": {"main": None},
    "toy": None,
}
CONFIG = ["--configfile", "presets/smoke.yaml", "starts.yaml", "--"]


@pytest.fixture(scope="module")
def starts(tmp_path_factory) -> Checkout:
    """A checkout in which a study of such starts has run."""
    checkout = make_checkout(tmp_path_factory.mktemp("starts"))
    (checkout.folder / "starts.yaml").write_text(yaml.safe_dump(OVERLAY))
    planned = checkout.planned(*CONFIG, "tables", "zoo")
    # Four runs, and behind them (random, m), (adversarial, vanilla) and (adversarial_end, l2), which are in no study.
    assert planned["train"] == 4 + 3
    assert planned["diagnose"] == 4
    assert planned["compare"] == 3
    assert planned["pretrain"] == planned["confuse"] == planned["initialize"] == 1
    done = checkout.snakemake("--verbose", *CONFIG, "tables", "zoo", "claims")
    (checkout.folder / "verbose.log").write_text(done.stdout + done.stderr)
    return checkout


def test_the_scheduler_works_when_a_job_ends_and_by_no_clock(starts):
    said = (starts.folder / "verbose.log").read_text()
    ended = said.count("Finished jobid: ")
    assert ended > 20
    assert said.count("Ready jobs: ") <= ended + 1


@pytest.fixture
def paths(starts) -> Paths:
    return Paths(starts.folder / "results" / "starts")


def run_of(init: str, recipe: str = "vanilla") -> Run:
    return Run("digits", "mlp", init, recipe, 0)


def test_nothing_is_made_twice_and_no_weights_are_copied(starts, paths):
    assert starts.planned(*CONFIG, "tables", "zoo", "claims") == {}
    assert {path.name for path in (paths.results / "inits" / "digits" / "mlp").iterdir()} == {"random", "adversarial"}


def test_a_run_starts_where_the_run_behind_it_ended(paths):
    results = badminima.load(paths.results)
    for init, behind in (("random_end", ("random", "m")), ("later", ("adversarial_end", "l2"))):
        end = read_weights(paths.run(run_of(*behind)) / "weights.safetensors")
        start = results.weights("digits", "mlp", init, "vanilla", 0, at="start")
        assert (start.vector() == end.vector()).all()
        ended = results.weights("digits", "mlp", init, "vanilla", 0).vector()
        distance = results.runs.set_index("init").loc[init, "distance.total"]
        assert distance == pytest.approx(float(((ended - end.vector()) ** 2).sum() ** 0.5), rel=1e-5)


def test_the_confusing_set_and_the_random_weights_are_those_at_the_root(paths):
    for init, remembers in (("random_end", False), ("adversarial_end", True), ("later", True)):
        measured = json.loads((paths.run(run_of(init)) / "diagnostics.json").read_text())
        assert ("memory.kept" in measured["values"]) is remembers
        assert ("distance.random_to_end" in measured["values"]) is remembers
        assert (paths.run(run_of(init)) / "comparison.json").exists()


def test_what_is_measured_along_stands_in_the_histories_and_ends_at_what_is_measured_at_the_end(paths):
    tables = badminima.load(paths.results).tables("ablation")
    for init, remembers in (("random_end", False), ("later", True)):
        history = tables.histories[tables.histories["init"] == init]
        assert history["epoch"].tolist() == [0, 2, 4]
        assert history["memory.kept"].notna().tolist() == [remembers] * 3
        at_the_end = tables.runs.set_index("init").loc[init]
        for name in ("distance.relative", *(["memory.confusing_accuracy"] if remembers else [])):
            assert history[name].iloc[-1] == pytest.approx(at_the_end[name])
    assert tables.pretraining_histories["memory.confusing_accuracy"].iloc[-1] > 0.9
    # The runs behind, which are in no study, have nothing more than every history.
    assert "distance" not in (paths.run(run_of("random", "m")) / "history.csv").read_text()


def test_cards_know_the_pretraining_at_the_root(paths):
    cards = badminima.zoo.load(paths.results / "zoo").cards
    card = cards["digits/mlp/adversarial_end/vanilla/seed0"]
    assert card.start == "digits/mlp/adversarial/vanilla/seed0"
    assert card.pretraining["confusing"]["replication"] == 2
    assert cards["digits/mlp/random_end/vanilla/seed0"].pretraining is None


def test_a_changed_recipe_behind_a_start_reruns_what_starts_there(starts):
    for change in ("recipes={m: {momentum: 0.8}}", "inits={random_end: {recipe: da}}"):
        planned = starts.planned("--config", change, "--configfile", *CONFIG[1:], "tables")
        assert planned["train"] == 2  # the run behind, and the run from its end
        assert "pretrain" not in planned


def test_on_a_cluster_a_run_shares_no_job_with_the_run_behind_it(starts):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    options = ("--dry-run", "--executor", "slurm", "--jobs", "5", "--forceall")
    output = starts.snakemake(*options, *CONFIG, "tables").stdout
    groups: dict[str, list[str]] = {}
    for group, members in re.findall(r"Group job (\w+) .*?\n(.*?)(?=\n\[|\Z)", output, re.DOTALL):
        groups.setdefault(group, []).extend(
            re.findall(r"^ +output: \S*/runs/digits/mlp/(\w+/\w+)/", members, re.MULTILINE)
        )
    first = {"random/m", "random/vanilla", "adversarial/vanilla"}
    second = {"random_end/vanilla", "adversarial_end/vanilla", "adversarial_end/l2"}
    expected = {"training": first, "training_1": second, "training_2": {"later/vanilla"}}
    assert {group: set(members) for group, members in groups.items()} == expected


def test_started_elsewhere_its_config_is_found_and_no_path_runs_a_command(tmp_path):
    odd = make_checkout(tmp_path / "a $(touch hacked) b")
    (tmp_path / "elsewhere").mkdir()
    preset = str(odd.folder / "presets" / "smoke.yaml")
    elsewhere = Checkout(tmp_path / "elsewhere")
    elsewhere.snakemake("-s", f"../{odd.folder.name}/Snakefile", "--configfile", preset, "--", "toy")
    assert (elsewhere.folder / "results" / "smoke" / "toy" / "toy.csv").exists()
    assert {path.name for path in elsewhere.folder.iterdir()} == {"results", ".snakemake"}

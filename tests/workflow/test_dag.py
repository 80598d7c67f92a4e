"""The DAG, by dry runs: how many jobs of each rule follow from the config, and which targets there are."""

import json
import re
import shlex
from time import process_time

import pytest
from snakemake.cli import get_argument_parser

from badminima.analysis.claims import GROUPS
from badminima.analysis.claims.grids import claim_targets, undecidable
from badminima.config import AdversarialInit, Config, RandomInit, RescaledInit
from badminima.config.registry import ARCHITECTURES
from badminima.experiment.plan import Costs, plan
from badminima.experiment.runs import all_runs, confusing_example
from badminima.experiment.speeds import Device, Machine, Speed
from tests.conftest import REPOSITORY

# None is config.yaml alone: the paper's full grid.
CONFIGS = [None, "demo", "smoke"]
ON_PHOTOGRAPHS = ["fashion", "cifar_small", "cifar_gpu", "cifar_column", "own_data"]
# The figures that show accuracies and histories alone.
OUTCOMES = ["curves", "ablation", "escape", "response", "label_noise", "memorisation"]


# The paper's grid with one seed has all its kinds of jobs, and a fifth of their number.
ONE_SEED = {"grid": {"seeds": [0]}, "studies": {name: {"seeds": [0]} for name in ("ablation", "scale")}}
WITH_ONE_SEED = ["--config", *(f"{key}={json.dumps(value)}" for key, value in ONE_SEED.items())]


def configfile(preset: str | None) -> list[str]:
    return [] if preset is None else ["--configfile", *(f"presets/{name}.yaml" for name in preset.split())]


def expected_jobs(config: Config) -> dict[str, int]:
    """Jobs per rule of the target all, counted from the config by hand."""
    runs = all_runs(config)
    datasets = {run.dataset for run in runs}
    starts = {(run.dataset, run.model, run.init, run.seed) for run in runs}
    # What an init is made from is needed too, although no run may start there.
    for dataset, model, init, seed in list(starts):
        entry = config.inits[init]
        if isinstance(entry, RescaledInit):
            starts.add((dataset, model, entry.like, seed))
            starts.add((dataset, model, config.inits[entry.like].start, seed))
        if not isinstance(entry, RandomInit):
            starts.add((dataset, model, entry.start, seed))
        if isinstance(entry, AdversarialInit) and entry.epochs_like:
            starts.add((dataset, model, entry.epochs_like, seed))

    def made_by(kind: type) -> list[tuple]:
        return [start for start in starts if isinstance(config.inits[start[2]], kind)]

    counts = {
        "fetch_data": len(datasets),
        "prepare_data": len(datasets),
        "initialize": len(made_by(RandomInit)),
        "confuse": len({(dataset, init, seed) for dataset, _, init, seed in made_by(AdversarialInit)}),
        "pretrain": len(made_by(AdversarialInit)),
        "rescale": len(made_by(RescaledInit)),
        "train": len(runs),
        "diagnose": len(runs),
        "collect": len(config.studies),
        "collect_outcomes": len(
            {entry.study for name, entry in config.figures.items() if (entry.kind or name) in OUTCOMES}
            | {entry.study for entry in config.tables.values()}
        ),
        **{f"fig_{name}": 1 for name in config.figures},
        **{f"table_{name}": 1 for name in config.tables},
        **dict.fromkeys(("toy", "fig_toy", "fig_toy_mechanism", "anim_toy"), 0 if config.toy is None else 1),
        "fig_confusing": 0 if confusing_example(config) is None else 1,
        "claims": 1,
        "report": 1,
        "record_config": 1,
        "all": 1,
    }
    return {rule: count for rule, count in counts.items() if count}


@pytest.mark.parametrize("preset", CONFIGS + ON_PHOTOGRAPHS)
def test_the_number_of_jobs_follows_from_the_config(checkout, preset):
    planned = checkout.planned(*configfile(preset))
    # What is measured of several runs depends on the studies that ask for it.
    counted = {rule: count for rule, count in planned.items() if not re.match(r"compare|landscape", rule)}
    assert counted == expected_jobs(checkout.config(preset))


def hours_by_target(config: Config) -> dict[str, float]:
    """Plan for a device on which every job takes an hour: so many hours, so many jobs."""
    speeds = {architecture: Speed(1e12, 1e12, 1024) for architecture in ARCHITECTURES.names}
    rows = plan(Costs(config, Device("cpu", speeds=speeds, start=3600)), Machine(), claim_targets(config))
    return {row.target: row.starting for row in rows}


@pytest.mark.parametrize(
    ("preset", "seeds"), [*((name, {}) for name in CONFIGS), ("paper overlays/controls", ONE_SEED)]
)
def test_the_plan_counts_the_jobs_that_snakemake_would_start(checkout, preset, seeds):
    jobs = sum(checkout.planned(*configfile(preset), *(WITH_ONE_SEED if seeds else [])).values()) - 1  # `all` itself
    assert hours_by_target(checkout.config(preset, seeds))["all"] == pytest.approx(jobs)


@pytest.mark.parametrize("claim", ["claim_3", "claim_5", "claim_size"])
def test_the_plan_of_a_claim_counts_its_jobs(checkout, claim):
    jobs = sum(checkout.planned(*configfile("demo"), "--", claim).values())
    assert hours_by_target(checkout.config("demo"))[claim] == pytest.approx(jobs)


def test_the_papers_grid_is_four_datasets_by_four_models_by_sixteen_cells_and_five_controls_by_five_seeds(checkout):
    assert len(all_runs(checkout.config(None))) == 4 * 4 * (16 + 5) * 5


def seconds_of_a_loop() -> float:
    """CPU time of six million turns of plain Python: 2.3 s where the dry run of the paper's grid takes 39."""
    started, kept = process_time(), {}
    for number in range(6_000_000):
        kept[number % 1000] = str(number)
    return process_time() - started


def test_a_dry_run_of_the_papers_grid_takes_no_longer_than_this_machine_explains(checkout):
    # Twice what is usual: on a busy machine the two do not see the same CPU.
    assert checkout.seconds() < 40 * seconds_of_a_loop()


def test_all_targets_resolve_together_in_the_papers_grid(checkout):
    config = checkout.config(None)
    groups = [f"claim_{group}" for group in GROUPS if undecidable(config, group) is None]
    asked = ["figures", "tables", "claims", "report", "provenance", *groups]
    planned = checkout.planned(*WITH_ONE_SEED, "--", *asked)
    assert {*asked, *(f"fig_{name}" for name in config.figures)} <= planned.keys()
    assert all(planned[group] == 1 for group in groups)
    assert planned["train"] == len(all_runs(checkout.config(None, ONE_SEED)))


def test_a_figure_needs_only_its_own_study(checkout):
    planned = checkout.planned(*WITH_ONE_SEED, "--", "fig_ablation")
    assert planned["collect_outcomes"] == 1
    assert planned["train"] == 4 * 4 * (2 * 8 + 2 * 2)


def test_what_shows_accuracies_alone_needs_no_measurement(checkout):
    targets = ["fig_ablation", "fig_curves", "fig_escape", "table_main"]
    planned = checkout.planned(*configfile("demo"), "--", *targets)
    before_trainings = {"fetch_data": 1, "prepare_data": 1, "initialize": 3, "confuse": 6, "pretrain": 6, "rescale": 3}
    assert planned == {**before_trainings, "train": 60, "collect_outcomes": 1, **dict.fromkeys(targets, 1)}


def test_trainings_and_figures_of_outcomes_go_before_measurements(checkout):
    output = checkout.snakemake("--dry-run", *configfile("demo"), "--", "all").stdout
    priority: dict[str, int] = {}
    for kind, value in re.findall(r"^ *(?:local)?(rule|priority):? (\w+)", output, re.MULTILINE):
        if kind == "rule":
            rule = value
            priority.setdefault(rule, 0)
        else:
            priority[rule] = int(value)
    assert priority["diagnose"] == priority["compare"] == priority["landscape"] == priority["collect"] == 0
    assert 0 < priority["train"] < priority["collect_outcomes"] <= priority["fig_curves"] < priority["fig_ablation"]
    # Nothing that trainings wait for comes after the first of them.
    for rule in ("initialize", "confuse", "pretrain", "rescale"):
        assert priority[rule] > priority["train"]


def test_what_is_set_for_comparisons_holds_for_all_of_their_rules(checkout):
    of_second = "results/runs/cifar10/resnet18/adversarial/da/seed0/comparison.json"
    options = ("--dry-run", "--set-resources", "compare:mem_mb=777", "--", of_second)
    output = checkout.snakemake(*options).stdout
    assert re.search(r"^rule compare_1:\n(?:.+\n)*? +resources: .*mem_mb=777\b", output, re.MULTILINE)


def test_a_claim_alone_trains_only_what_it_needs(checkout):
    seeds = 3
    planned = checkout.planned(*configfile("demo"), "--", "claim_2")
    # The recipe with all regularizers from both starts; no measurement, figure or table of the whole study.
    assert planned["train"] == 2 * seeds
    assert planned["pretrain"] == seeds
    assert not {"diagnose", "compare", "landscape", "collect", "claims"} & planned.keys()
    # Two recipes from the adversarial start, measured; random weights are only what that is made from.
    planned = checkout.planned(*configfile("demo"), "--", "claim_4")
    assert planned["train"] == planned["diagnose"] == 2 * seeds
    assert "compare" not in planned


def test_one_run_can_be_asked_for_by_its_path(checkout):
    planned = checkout.planned("--", "results/runs/cifar10/resnet18/adversarial/vanilla/seed0/run.json")
    assert planned == {"fetch_data": 1, "prepare_data": 1, "initialize": 1, "confuse": 1, "pretrain": 1, "train": 1}


def test_a_mistake_in_the_config_ends_in_one_line(checkout):
    done = checkout.snakemake("--dry-run", "--config", "sede=1", check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("config:")]
    assert line.startswith("config: sede: found an unknown key; did you mean seed?")


def test_the_commands_of_the_readme_and_the_tutorial_resolve(checkout):
    text = (REPOSITORY / "README.md").read_text() + (REPOSITORY / "docs" / "tutorial.md").read_text()
    commands = set(re.findall(r"^snakemake (.*?)(?: +#.*)?$", text, re.MULTILINE))
    assert len(commands) >= 4
    parser = get_argument_parser()
    together: dict[tuple[str, ...], set[str]] = {}
    for words in map(shlex.split, commands):
        targets = parser.parse_args(words).targets
        given = tuple(word for word in words if word not in (*targets, "--", "--dry-run"))
        if "step.yaml" not in given:  # the reader writes that one
            together.setdefault(given, set()).update(targets)
    for given, asked in together.items():
        options = ["--dry-run", "--quiet", "all", "--config", "grid={seeds: [0]}", *given]
        checkout.snakemake(*options, "--", *sorted(asked))

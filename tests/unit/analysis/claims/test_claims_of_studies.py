"""Claims beyond the ablation: dose response, toy, label noise; and what each claim needs."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from badminima.analysis.claims import CLAIMS, GROUPS, claims_of
from badminima.analysis.claims.evidence import toy_tables
from badminima.analysis.claims.grids import ClaimsSettings, collect_claim_settings, undecidable
from badminima.analysis.claims.verdicts import evaluate_claims
from badminima.analysis.tables import StudyTables
from badminima.config import Config, StudyConfig
from badminima.config.load import load_config
from tests.configs import overlay, raw_config
from tests.unit.study import STATISTICS
from tests.unit.study import made_up_study as whole_study

made_up_study = partial(whole_study, summaries=False)

GRID = StudyConfig(question="?", datasets=["digits"], models=["mlp"], inits=["random"], recipes=["vanilla"], seeds=[0])
REPLICATIONS = {"adversarial_r1": 1, "adversarial_r10": 10, "adversarial_r100": 100}
STARTS = ["adversarial_end", "full_batch_end"]
NOISES = ["vanilla", "label_noise", "label_noise_x3"]
# Other claims b are tested in test_claims_of_label_noise.py.
STEPS = ["label_noise_x10", "label_noise+m", "label_noise_x4_batch_x4"]
OF_EACH_START = ("b1", "b2", "b3", "b9")


def decided(group: str, role: str, tables: StudyTables, **settings) -> pd.DataFrame:
    """The rows of one target's claims, by number."""
    grid = GRID.model_copy(update={"datasets": ["toy"]}) if role == "toy" else GRID
    known = ClaimsSettings(studies={role: grid}, statistics=STATISTICS, root_seed=0, **settings)
    claims = [claim for claim in claims_of(group) if group != "b" or claim.number.startswith(OF_EACH_START)]
    return evaluate_claims(claims, {role: tables}, known).set_index("claim")


def dose(slope: float, **changes) -> pd.Series:
    """Claim 6 where each tenfold R costs ``slope`` of accuracy."""
    replications = changes.pop("replications", REPLICATIONS)
    tables = made_up_study(
        lambda init, recipe: 0.9 - slope * np.log10(REPLICATIONS[init]),
        recipes=["vanilla"],
        inits=list(REPLICATIONS),
        **changes,
    )
    return decided("6", "replication", tables, replications=replications).loc["6"]


def test_claim_6_finds_what_each_tenfold_replication_costs():
    row = dose(0.1, images=20_000)
    assert row["verdict"] == "supported"
    assert row["estimate"] == pytest.approx(0.1, abs=0.005)
    assert row["low"] < row["estimate"] < row["high"]


@pytest.mark.parametrize(("slope", "expected"), [(-0.1, "not supported"), (0.0, "inconclusive")])
def test_claim_6_is_not_supported_where_more_copies_do_no_harm(slope, expected):
    assert dose(slope)["verdict"] == expected


def test_claim_6_needs_two_doses_and_minima():
    assert dose(0.1, replications={"adversarial_r1": 1})["reason"].startswith("fewer than two adversarial inits")
    assert "does not fit its training set" in dose(0.1, fitted=0.9)["reason"]


def made_up_toy(lengths: dict[str, float], accuracies: dict[str, float], status: str = "converged") -> StudyTables:
    """Three seeds of the toy's runs and their pretrainings."""
    rng = np.random.default_rng(0)
    rows = []
    for seed in range(3):
        rows.append({"phase": "pretraining", "run": "adversarial", "init": "random", "seed": seed, "status": status})
        for run, length in lengths.items():
            init = "random" if run == "vanilla_lr0.01" else "adversarial"
            known = {"boundary_length": length * (1 + 0.01 * rng.random()), "test_accuracy": accuracies[run]}
            keys = {"phase": "training", "run": run, "init": init, "seed": seed, "status": "converged"}
            rows.append(keys | known | {"train_accuracy": 1.0})
    return toy_tables(pd.DataFrame(rows))


LENGTHS = {"vanilla_lr0.01": 1.0, "vanilla": 4.0, "da+m+l2": 1.0}
ACCURACIES = {"vanilla_lr0.01": 1.0, "vanilla": 0.9, "da+m+l2": 1.0}


def test_claim_7_reads_the_toys_boundaries_and_accuracies():
    rows = decided("7", "toy", made_up_toy(LENGTHS, ACCURACIES))
    assert set(rows["verdict"]) == {"supported"}
    assert np.exp(rows.loc["7a", "estimate"]) == pytest.approx(4, rel=0.02)
    assert rows.loc["7c", "estimate"] == pytest.approx(0.1)
    smooth = decided("7", "toy", made_up_toy({**LENGTHS, "vanilla": 0.5}, dict.fromkeys(LENGTHS, 1.0)))
    assert list(smooth["verdict"]) == ["not supported"] * 3


def test_claim_7_needs_random_labels_that_were_fitted_and_the_runs_it_names():
    behind = {"adversarial": "adversarial"}
    rows = decided("7", "toy", made_up_toy(LENGTHS, ACCURACIES, "max_epochs"), behind=behind)
    assert set(rows["verdict"]) == {"not measured"}
    without = {run: length for run, length in LENGTHS.items() if run != "da+m+l2"}
    assert (
        decided("7", "toy", made_up_toy(without, ACCURACIES)).loc["7a", "reason"] == "no runs of adversarial, da+m+l2"
    )


def label_noise_study(hessian: dict[str, float], covariance: dict[str, float], start: float = 1.0) -> StudyTables:
    """Runs from both starts, which fit ``start`` of the training set, with the traces of each recipe's end."""
    tables = made_up_study(lambda init, recipe: ACCURACIES_B[recipe], recipes=NOISES, inits=STARTS)
    noise = 1 + 0.01 * np.random.default_rng(0).random(len(tables.runs))
    recipes = tables.runs["recipe"]
    traces = {"trace.hessian": recipes.map(hessian) * noise, "trace.noise_covariance": recipes.map(covariance) * noise}
    return replace(tables, runs=tables.runs.assign(**traces), histories=tables.histories.assign(train_accuracy=start))


ACCURACIES_B = {"vanilla": 0.7, "label_noise": 0.8, "label_noise_x3": 0.9}
# As networks have them: sure of its answers, that of vanilla SGD is flat, and a wrong label pulls hard.
# Where label noise has come to rest, both are the same.
HESSIAN = {"vanilla": 1.0, "label_noise": 30.0, "label_noise_x3": 10.0}
COVARIANCE = {"vanilla": 1000.0, "label_noise": 31.0, "label_noise_x3": 12.0}


def with_train_accuracy(tables: StudyTables, recipe: str, accuracy: float) -> StudyTables:
    """The same where the first seed of a recipe ends at a training accuracy."""
    runs = tables.runs.copy()
    runs.loc[(runs["recipe"] == recipe) & (runs["seed"] == 0), "train_accuracy"] = accuracy
    return replace(tables, runs=runs)


def test_claims_b_follow_accuracy_noise_covariance_and_among_equal_noises_flatness():
    rows = decided("b", "label_noise", label_noise_study(HESSIAN, COVARIANCE), ends=STARTS)
    assert list(rows.index) == [f"{claim} {start}" for start in STARTS for claim in ("b1", "b2", "b3", "b9")]
    assert set(rows["verdict"]) == {"supported"}
    assert np.exp(rows.loc["b2 adversarial_end", "estimate"]) == pytest.approx(1000 / 31, rel=0.02)
    assert np.exp(rows.loc["b9 adversarial_end", "estimate"]) == pytest.approx(31 / 30)
    assert np.exp(rows.loc["b9 adversarial_end", "threshold"]) == pytest.approx(1.25)
    assert np.exp(rows.loc["b3 full_batch_end", "estimate"]) == pytest.approx(3, rel=0.02)
    tables = label_noise_study({**HESSIAN, "label_noise_x3": 90.0}, {**COVARIANCE, "label_noise": 2000.0})
    verdicts = decided("b", "label_noise", tables)["verdict"]
    assert verdicts["b1 adversarial_end"] == "supported"
    assert {verdicts[f"{claim} adversarial_end"] for claim in ("b2", "b3", "b9")} == {"not supported"}


@pytest.mark.parametrize(
    ("recipe", "accuracy", "undecided"),
    [
        ("vanilla", 0.1, {"b2"}),
        ("label_noise", 0.1, {"b2", "b3", "b9"}),
        ("label_noise_x3", 0.1, {"b3"}),
        ("label_noise_x3", 0.96, set()),  # it may leave some training items wrong
    ],
)
def test_a_collapsed_run_is_not_flat(recipe, accuracy, undecided):
    tables = with_train_accuracy(label_noise_study(HESSIAN, COVARIANCE), recipe, accuracy)
    rows = decided("b", "label_noise", tables, ends=STARTS)
    reason = f"adversarial_end, {recipe} has lost the fit to its training set, so it is at no minimum"
    found = rows[rows.index.str.endswith(" adversarial_end")]["reason"].to_dict()
    numbers = ("b1", "b2", "b3", "b9")
    assert found == {f"{claim} adversarial_end": reason if claim in undecided else "" for claim in numbers}


def test_claims_b_need_starts_that_are_minima():
    tables = label_noise_study(HESSIAN, COVARIANCE, start=0.99)
    rows = decided("b", "label_noise", tables, ends=["full_batch_end"])
    reason = "full_batch_end, seed 0, does not fit its training set, so it is no minimum"
    assert set(rows.loc[rows.index.str.endswith("full_batch_end"), "reason"]) == {reason}
    # Other inits are starts as they are.
    assert set(rows.loc[rows.index.str.endswith("adversarial_end"), "verdict"]) == {"supported"}
    later = replace(tables, histories=tables.histories.query("epoch > 0").assign(train_accuracy=1.0))
    assert decided("b", "label_noise", later, ends=STARTS)["reason"].str.contains("does not fit").all()


def test_a_trace_that_is_not_positive_or_not_measured_decides_nothing():
    negative = label_noise_study({**HESSIAN, "label_noise": -1.0}, COVARIANCE)
    assert decided("b", "label_noise", negative).loc["b3 adversarial_end", "reason"] == "a value is not finite"
    without = replace(negative, runs=negative.runs.drop(columns="trace.noise_covariance"))
    reason = "no measurement trace.noise_covariance"
    assert decided("b", "label_noise", without).loc["b2 full_batch_end", "reason"] == reason


def test_a_claim_whose_study_is_not_configured_says_so_once():
    settings = ClaimsSettings(statistics=STATISTICS, root_seed=0)
    rows = evaluate_claims(CLAIMS, {}, settings)
    assert list(rows["claim"]) == [claim.number for claim in CLAIMS]
    assert set(rows["verdict"]) == {"not measured"}
    reasons = rows.set_index("claim")["reason"]
    assert reasons["6"] == "no study of replication is configured (claims.replication)"
    assert reasons["b1 adversarial_end"] == "no study of label noise is configured (claims.label_noise)"
    assert reasons["7a"] == "no toy is configured (toy)"


@pytest.fixture(scope="module")
def config() -> Config:
    """The paper's experiment on one dataset and model, with every study that claims are read from."""
    adversarial = {"kind": "adversarial", "noise": 0.1, "start": "random"}
    study = {"question": "?", "datasets": ["cifar10"], "models": ["vgg16"], "seeds": [0, 1]}
    change = {
        "inits": {
            **{name: {**adversarial, "replication": r} for name, r in REPLICATIONS.items()},
            "labels_only": {**adversarial, "replication": 1, "noise": 0.0},
            "adversarial_end": {"kind": "run", "start": "adversarial", "recipe": "vanilla"},
            "full_batch_end": {"kind": "run", "start": "random", "recipe": "full_batch"},
        },
        "recipes": {
            "label_noise": {"label_noise": 0.2},
            "label_noise_x3": {"label_noise": 0.2, "learning_rate_scale": 3.0},
            "label_noise_x10": {"label_noise": 0.2, "learning_rate_scale": 10.0},
            "label_noise+m": {"label_noise": 0.2, "momentum": 0.9},
            "label_noise_x4_batch_x4": {"label_noise": 0.2, "learning_rate_scale": 4.0, "batch_size": 512},
            "full_batch": {"full_batch": True, "epochs": 5000},
        },
        "studies": {
            "ablation": {**study, "inits": ["random", "adversarial"]},
            "scale": {**study, "inits": ["random", "adversarial", "random_rescaled", "true_labels"]},
            "dose": {**study, "inits": ["random", "labels_only", *REPLICATIONS], "recipes": ["vanilla", "da+m+l2"]},
            "noise": {**study, "inits": ["random", *STARTS], "recipes": [*NOISES, *STEPS]},
        },
        "figures": {"noise": {"kind": "ablation", "study": "noise"}, "dose": {"kind": "ablation", "study": "dose"}},
        "claims": {"control": "scale", "replication": "dose", "label_noise": "noise"},
        "diagnostics": [*raw_config()["diagnostics"], "trace"],
    }
    return load_config(overlay(raw_config(), change))


@pytest.fixture(scope="module")
def tables(config) -> dict[str, StudyTables]:
    """Made-up tables of all cells of each study, with every column that a claim is read from."""
    found = {"toy": made_up_toy(LENGTHS, ACCURACIES)}
    for role, study in ClaimsSettings.of(config).studies.items():
        if role == "toy":
            continue
        made_up = made_up_study(lambda init, recipe: 0.8, recipes=study.recipes, inits=study.inits, seeds=2)
        runs = made_up.runs.assign(dataset="cifar10", model="vgg16")
        random = np.random.default_rng(0).random(len(runs))
        traced = runs.assign(**{"trace.hessian": 1 + random, "trace.noise_covariance": 1 + random})
        traced = traced.assign(**{"sharpness.trace": 1 + random, "sharpness.eigenvalue_1": random + 0.5})
        histories = made_up.histories.assign(dataset="cifar10", model="vgg16", train_accuracy=1.0)
        records = [
            {"dataset": "cifar10", "model": "vgg16", "init": init, "seed": seed, "status": "converged"}
            for init in config.inits
            for seed in (0, 1)
        ]
        correct = {"cifar10": made_up.correct["digits"]}
        found[role] = replace(
            made_up, runs=traced, histories=histories, pretraining=pd.DataFrame(records), correct=correct
        )
    return found


def reduced(tables: StudyTables, cells: dict[str, list[str]], measured: bool) -> StudyTables:
    """Return what is left of a study's tables where only some cells were trained."""
    chosen = [recipe in cells.get(init, []) for init, recipe in tables.runs[["init", "recipe"]].itertuples(index=False)]
    columns = [name for name in tables.runs if measured or "." not in name]
    return replace(
        tables,
        runs=tables.runs.loc[chosen, columns].reset_index(drop=True),
        correct={dataset: right[np.array(chosen)] for dataset, right in tables.correct.items()},
    )


@pytest.fixture(scope="module")
def whole(config, tables) -> pd.DataFrame:
    """All claims, decided by these tables."""
    return evaluate_claims(CLAIMS, tables, ClaimsSettings.of(config))


def test_every_claim_is_decided_where_all_its_studies_are_configured(whole):
    assert list(whole.loc[whole["verdict"] == "not measured", "reason"]) == []
    assert len(whole) == len(CLAIMS)


@pytest.mark.parametrize("group", GROUPS)
def test_what_a_claim_says_it_needs_suffices_and_decides_the_same(config, tables, whole, group):
    whole = whole[whole["claim"].isin([claim.number for claim in claims_of(group)])].reset_index(drop=True)
    needed = collect_claim_settings(config, group)
    role = claims_of(group)[0].study
    assert (needed is None) == (role == "toy")
    study = tables[role] if needed is None else reduced(tables[role], needed.cells, needed.measured)
    alone = evaluate_claims(claims_of(group), {role: study}, ClaimsSettings.of(config))
    pd.testing.assert_frame_equal(alone, whole)


def test_what_a_claim_needs_is_no_more_than_its_cells(config):
    two = collect_claim_settings(config, "2")
    assert two.cells == {"random": ["da+m+l2"], "adversarial": ["da+m+l2"]}
    assert not two.measured
    assert collect_claim_settings(config, "4").measured
    six = collect_claim_settings(config, "6")
    # Another noise is another question.
    assert six.cells == {init: ["vanilla"] for init in REPLICATIONS}
    assert six.pretrained == list(REPLICATIONS)


def test_b9_needs_the_flips_that_label_noise_makes(config):
    options = config.measuring.model_copy(update={"options": {"trace": {"flip_probability": 0.1}}})
    reasons = ClaimsSettings.of(changed(config, measuring=options)).lacking
    assert reasons == {
        f"b9 {start}": "trace measures flips of probability 0.1, label_noise has another" for start in STARTS
    }


def changed(config: Config, **change) -> Config:
    """The same configuration with other sections."""
    return config.model_copy(update=change)


@pytest.mark.parametrize(
    ("group", "section", "update", "reason"),
    [
        # The ablation has no random_rescaled: two of three cells decide nothing.
        ("control", "claims", {"control": None}, "no runs of random_rescaled, vanilla"),
        ("b", "claims", {"label_noise": "dose"}, "no runs of adversarial_end, label_noise"),
        ("4", "diagnostics", ["norms"], "distance is not among the diagnostics"),
        # Its only adversarial init has no other to be compared with.
        ("6", "claims", {"replication": "ablation"}, "fewer than two adversarial inits that differ in R alone"),
    ],
)
def test_nothing_is_trained_for_a_claim_that_its_study_cannot_decide(config, group, section, update, reason):
    section_of = getattr(config, section)
    other = changed(config, **{section: section_of.model_copy(update=update) if isinstance(update, dict) else update})
    assert collect_claim_settings(other, group) is None
    assert undecidable(other, group) == reason
    rows = evaluate_claims(claims_of(group), {}, ClaimsSettings.of(other))
    assert rows["reason"].iloc[0] == reason
    assert set(rows["verdict"]) == {"not measured"}


def test_of_a_target_only_the_claims_that_can_be_decided_count(config):
    narrow = changed(config, diagnostics=["distance"])
    assert not collect_claim_settings(narrow, "b").measured
    # Of accuracies alone: nothing is trained for a trace.
    recipes = ["vanilla", "label_noise", "label_noise_x3", "label_noise_x10", "label_noise+m"]
    assert collect_claim_settings(narrow, "b").cells == {"random": ["vanilla"], **dict.fromkeys(STARTS, recipes)}

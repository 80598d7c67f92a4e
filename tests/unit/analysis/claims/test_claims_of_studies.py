"""Claims beyond the ablation: dose response, toy, label noise; and what each claim needs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from badminima.analysis.claims import CLAIMS, GROUPS, claims_of
from badminima.analysis.claims.evidence import toy_tables
from badminima.analysis.claims.grids import ClaimsSettings, collect_claim_settings, undecidable
from badminima.analysis.claims.verdicts import evaluate_claims
from badminima.analysis.tables import StudyTables
from badminima.config import Config
from tests.configs import with_presets
from tests.unit.analysis.claims.deciding import decided, made_up_study
from tests.unit.study import STATISTICS

REPLICATIONS = {"adversarial_r1": 1, "adversarial_r10": 10, "adversarial_r100": 100}
STARTS = ["adversarial_end", "full_batch_end"]


def dose(slope: float, replications=REPLICATIONS, **changes) -> pd.Series:
    """Claim 6 where each tenfold R costs ``slope`` of accuracy."""
    lost = {init: slope * np.log10(replication) for init, replication in REPLICATIONS.items()}
    tables = made_up_study(
        lambda init, recipe: 0.7 - lost[init], recipes=["vanilla"], inits=list(REPLICATIONS), **changes
    )
    return decided(claims_of("6"), tables, "replication", replications=replications).loc["6"]


@pytest.mark.parametrize(
    ("slope", "images", "expected"),
    [(0.1, 20_000, "supported"), (-0.1, 2000, "not supported"), (0.0, 2000, "inconclusive")],
)
def test_claim_6_finds_what_each_tenfold_replication_costs(slope, images, expected):
    row = dose(slope, images=images)
    assert row["verdict"] == expected
    assert row["estimate"] == pytest.approx(slope, abs=0.005)
    assert row["low"] < row["estimate"] < row["high"]


def test_claim_6_needs_two_doses_and_minima():
    assert dose(0.1, {"adversarial_r1": 1})["reason"].startswith("fewer than two adversarial inits")
    assert "does not fit its training set" in dose(0.1, fitted=0.9)["reason"]


LENGTHS = {"vanilla_lr0.01": 1.0, "vanilla": 4.0, "da+m+l2": 1.0}
ACCURACIES_OF_TOY = {"vanilla_lr0.01": 1.0, "vanilla": 0.9, "da+m+l2": 1.0}


def made_up_toy(lengths: dict[str, float], accuracies=ACCURACIES_OF_TOY, status: str = "converged") -> StudyTables:
    """Three seeds of the toy's runs and their pretrainings."""
    rows = []
    for seed in range(3):
        rows.append({"phase": "pretraining", "run": "adversarial", "init": "random", "seed": seed, "status": status})
        for run, length in lengths.items():
            init = "random" if run == "vanilla_lr0.01" else "adversarial"
            keys = {"phase": "training", "run": run, "init": init, "seed": seed, "status": "converged"}
            known = {"boundary_length": length * (1 + 0.001 * (seed + len(rows))), "test_accuracy": accuracies[run]}
            rows.append(keys | known | {"train_accuracy": 1.0})
    return toy_tables(pd.DataFrame(rows))


def decided_of_toy(*made_up, **settings) -> pd.DataFrame:
    return decided(claims_of("7"), made_up_toy(*made_up), "toy", dataset="toy", **settings)


def test_claim_7_reads_the_toys_boundaries_and_accuracies():
    rows = decided_of_toy(LENGTHS)
    assert set(rows["verdict"]) == {"supported"}
    assert np.exp(rows.loc["7a", "estimate"]) == pytest.approx(4, rel=0.02)
    assert rows.loc["7c", "estimate"] == pytest.approx(0.1)
    smooth = decided_of_toy({**LENGTHS, "vanilla": 0.5}, dict.fromkeys(LENGTHS, 1.0))
    assert set(smooth["verdict"]) == {"not supported"}


def test_claim_7_needs_random_labels_that_were_fitted_and_the_runs_it_names():
    rows = decided_of_toy(LENGTHS, ACCURACIES_OF_TOY, "max_epochs", behind={"adversarial": "adversarial"})
    assert set(rows["verdict"]) == {"not measured"}
    without = {run: length for run, length in LENGTHS.items() if run != "da+m+l2"}
    assert decided_of_toy(without).loc["7a", "reason"] == "no runs of adversarial, da+m+l2"


NOISY = [*("label_noise", "label_noise_x3", "label_noise_x10"), *("label_noise+m", "label_noise_x4_batch_x4")]
RECIPES = ["vanilla", *NOISY]
ACCURACIES = dict(zip(RECIPES, (0.7, 0.85, 0.92, 0.95, 0.95, 0.9), strict=True))
# As networks have them: sure of its answers, that of vanilla SGD is flat, and a wrong label pulls hard.
# Where label noise has come to rest, both traces are the same.
HESSIAN = dict(zip(RECIPES, (1.0, 30.0, 10.0, 5.0, 5.0, 20.0), strict=True))
COVARIANCE = {**HESSIAN, "vanilla": 1000.0, "label_noise": 31.0, "label_noise_x3": 12.0}
LARGEST = {**HESSIAN, "label_noise": 15.0, "label_noise_x4_batch_x4": 5.0}
OF_A_START = ["b1", "b2", "b3", "b9", "b4 label_noise", "b4 label_noise_x3", "b5", "b6", "b7", "b8"]


def noise_study(
    accuracies=ACCURACIES, hessian=HESSIAN, covariance=COVARIANCE, largest=LARGEST, baseline=0.92
) -> StudyTables:
    """Three seeds of every recipe from random weights and from both starts, which are minima."""
    tables = made_up_study(
        lambda init, recipe: baseline if init == "random" else accuracies[recipe],
        recipes=RECIPES,
        inits=["random", *STARTS],
        images=20_000,
    )
    noise = 1 + 0.01 * np.random.default_rng(0).random(len(tables.runs))
    planted = {"trace.hessian": hessian, "trace.noise_covariance": covariance}
    planted |= {"sharpness.trace": hessian, "sharpness.eigenvalue_1": largest}
    measured = {name: tables.runs["recipe"].map(values) * noise for name, values in planted.items()}
    measured["sharpness.eigenvalue_1"] *= noise
    return replace(tables, runs=tables.runs.assign(**measured), histories=tables.histories.assign(train_accuracy=1.0))


@pytest.fixture(scope="module")
def noisy() -> StudyTables:
    return noise_study()


def decided_of_noise(tables: StudyTables, start: str = STARTS[0], ends=STARTS) -> pd.DataFrame:
    """The rows of the claims of one start, by their number without it."""
    claims = [claim for claim in claims_of("b") if start in claim.number]
    rows = decided(claims, tables, "label_noise", ends=ends)
    return rows.set_axis(rows.index.str.replace(f" {start}", ""))


@pytest.mark.parametrize("start", STARTS)
def test_planted_effects_of_label_noise_are_found(noisy, start):
    rows = decided_of_noise(noisy, start)
    assert rows["verdict"].to_dict() == {**dict.fromkeys(OF_A_START, "supported"), "b4 label_noise": "not supported"}
    assert rows.loc["b4 label_noise", ["estimate", "threshold"]].tolist() == pytest.approx([-0.07, -0.01], abs=0.005)
    # In b8, half of the trace in one eigenvalue, against a quarter.
    ratios = np.exp(rows.loc[["b2", "b9", "b3", "b6", "b7", "b8"], "estimate"].astype(float))
    assert ratios.tolist() == pytest.approx([1000 / 31, 31 / 30, 3, 6, 1.5, 2], rel=0.02)
    assert np.exp(rows.loc["b9", "threshold"]) == pytest.approx(1.25)


def test_more_than_the_baseline_is_as_good_as_the_baseline_and_two_points_less_is_not():
    assert decided_of_noise(noise_study(baseline=0.8)).loc["b4 label_noise", "verdict"] == "supported"
    assert decided_of_noise(noise_study(baseline=0.87)).loc["b4 label_noise", "verdict"] == "not supported"


def test_effects_of_the_other_sign_support_nothing():
    other = noise_study(
        {**ACCURACIES, "label_noise+m": 0.9},
        {**HESSIAN, "label_noise_x3": 90.0, "label_noise+m": 60.0, "label_noise_x4_batch_x4": 40.0},
        {**COVARIANCE, "label_noise": 2000.0},
        {**LARGEST, "label_noise_x4_batch_x4": 35.0},
    )
    verdicts = decided_of_noise(other)["verdict"]
    assert verdicts["b1"] == "supported"
    assert set(verdicts[["b2", "b3", "b5", "b6", "b7", "b8", "b9"]]) == {"not supported"}


@pytest.mark.parametrize(
    ("recipe", "accuracy", "undecided"),
    [
        ("vanilla", 0.1, {"b2"}),
        ("label_noise", 0.1, {"b2", "b3", "b6", "b7", "b8", "b9"}),
        ("label_noise_x3", 0.1, {"b3"}),
        ("label_noise_x4_batch_x4", 0.1, {"b7", "b8"}),
        ("label_noise_x3", 0.96, set()),  # it may leave some training items wrong
    ],
)
def test_a_collapsed_run_is_not_flat(noisy, recipe, accuracy, undecided):
    runs = noisy.runs.copy()
    runs.loc[(runs["recipe"] == recipe) & (runs["seed"] == 0), "train_accuracy"] = accuracy
    reason = f"adversarial_end, {recipe} has lost the fit to its training set, so it is at no minimum"
    found = decided_of_noise(replace(noisy, runs=runs))["reason"].to_dict()
    assert found == {number: reason if number in undecided else "" for number in OF_A_START}


def test_claims_b_need_starts_that_are_minima(noisy):
    tables = replace(noisy, histories=noisy.histories.assign(train_accuracy=0.99))
    reason = "full_batch_end, seed 0, does not fit its training set, so it is no minimum"
    assert set(decided_of_noise(tables, "full_batch_end")["reason"]) == {reason}
    # Other inits are starts as they are.
    assert set(decided_of_noise(tables, ends=["full_batch_end"])["reason"]) == {""}
    later = replace(noisy, histories=noisy.histories.query("epoch > 0"))
    assert decided_of_noise(later)["reason"].str.contains("does not fit").all()


def test_a_trace_that_is_not_positive_or_not_measured_decides_nothing(noisy):
    negative = noisy.runs.assign(**{"trace.hessian": -1.0}).drop(columns=["trace.noise_covariance", "sharpness.trace"])
    reasons = decided_of_noise(replace(noisy, runs=negative))["reason"]
    assert reasons["b3"] == "a value is not finite"
    assert reasons["b2"] == "no measurement trace.noise_covariance"
    assert reasons["b8"] == "no measurement sharpness.trace"


@pytest.mark.parametrize(
    ("presets", "undecided"),
    [
        (("paper", "overlays/controls"), {}),
        (("demo", "overlays/controls", "overlays/demo_controls"), {"b8": "sharpness is not among the diagnostics"}),
    ],
    ids=["paper", "demo_controls"],
)
def test_presets_have_the_runs_that_claims_of_label_noise_need(presets, undecided):
    lacking = ClaimsSettings.of(with_presets(*presets)).lacking
    found = {number.split()[0]: reason for number, reason in lacking.items() if number.startswith("b")}
    assert found == undecided


def test_a_claim_whose_study_is_not_configured_says_so_once():
    rows = evaluate_claims(CLAIMS, {}, ClaimsSettings(statistics=STATISTICS, root_seed=0))
    assert list(rows["claim"]) == [claim.number for claim in CLAIMS]
    assert set(rows["verdict"]) == {"not measured"}
    reasons = rows.set_index("claim")["reason"]
    assert reasons["b1 adversarial_end"] == "no study of label noise is configured (claims.label_noise)"
    assert reasons["7a"] == "no toy is configured (toy)"


@pytest.fixture(scope="module")
def config() -> Config:
    """The paper's experiment on one small network, with every study that claims are read from."""
    config = with_presets("paper", "overlays/controls")
    grid = {"datasets": ["digits"], "models": ["mlp"], "seeds": [0, 1]}
    studies = {name: study.model_copy(update=grid) for name, study in config.studies.items()}
    studies["replication"].inits.append("labels_only")
    labels_only = config.inits["adversarial_r1"].model_copy(update={"noise": 0.0})
    return changed(config, studies=studies, inits={**config.inits, "labels_only": labels_only})


def changed(config: Config, **change) -> Config:
    """Return the configuration with other sections."""
    return config.model_copy(update=change)


@pytest.fixture(scope="module")
def tables(config) -> dict[str, StudyTables]:
    """Made-up tables of all cells of each study, with every column that a claim is read from."""
    columns = ("trace.hessian", "trace.noise_covariance", "sharpness.trace", "sharpness.eigenvalue_1")
    keys = [(init, seed) for init in config.inits for seed in (0, 1)]
    fitted = pd.DataFrame(keys, columns=["init", "seed"]).assign(dataset="digits", model="mlp", status="converged")
    found = {"toy": made_up_toy(LENGTHS)}
    for role, study in ClaimsSettings.of(config).studies.items():
        if role != "toy":
            one = made_up_study(lambda init, recipe: 0.8, recipes=study.recipes, inits=study.inits, seeds=2)
            runs = one.runs.assign(**dict.fromkeys(columns, 1 + one.runs["seed"]))
            found[role] = replace(
                one, runs=runs, histories=one.histories.assign(train_accuracy=1.0), pretraining=fitted
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


def test_a_claim_is_shown_by_a_figure_of_its_own_study(config):
    figures = ClaimsSettings.of(config).figures
    shown = [figures[number] for number in ("1b", "4a", "6", "7a", "b1 adversarial_end")]
    assert shown == ["ablation", "distance", "replication", "toy", "label_noise"]


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
    doses = ["adversarial_r1", "adversarial_r2", "adversarial_r5", "adversarial"]
    assert six.cells == {init: ["vanilla"] for init in doses}
    assert six.pretrained == doses


def test_b9_needs_the_flips_that_label_noise_makes(config):
    options = config.measuring.model_copy(update={"options": {"trace": {"flip_probability": 0.1}}})
    reasons = ClaimsSettings.of(changed(config, measuring=options)).lacking
    assert reasons == {
        f"b9 {start}": "trace measures flips of probability 0.1, label_noise has another" for start in STARTS
    }


@pytest.mark.parametrize(
    ("group", "section", "update", "reason"),
    [
        ("control", "claims", {"control": "label_noise"}, "no runs of random_rescaled, vanilla"),
        ("b", "claims", {"label_noise": "replication"}, "no runs of adversarial_end, label_noise"),
        ("4", "diagnostics", ["norms"], "distance is not among the diagnostics"),
        # Its only adversarial init has no other to be compared with.
        ("6", "claims", {"replication": "escape"}, "fewer than two adversarial inits that differ in R alone"),
    ],
)
def test_nothing_is_trained_for_a_claim_that_its_study_cannot_decide(config, group, section, update, reason):
    chosen = config.claims.model_copy(update=update) if section == "claims" else update
    other = changed(config, **{section: chosen})
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

"""Claims b of the baseline, momentum and the size of a step, where the effects are planted."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from badminima.analysis.claims import claims_of
from badminima.analysis.claims.grids import ClaimsSettings
from badminima.analysis.claims.verdicts import evaluate_claims
from badminima.analysis.tables import StudyTables
from badminima.config import StudyConfig
from tests.configs import with_presets
from tests.unit.study import STATISTICS
from tests.unit.study import made_up_study as whole_study

made_up_study = partial(whole_study, summaries=False)

STARTS = ["adversarial_end", "full_batch_end"]
ACCURACIES = {
    "vanilla": 0.7,
    "label_noise": 0.85,
    "label_noise_x3": 0.92,
    "label_noise_x10": 0.95,
    "label_noise+m": 0.95,
    "label_noise_x4_batch_x4": 0.9,
}
# Of the Hessian: its trace, and its largest eigenvalue.
TRACES = {
    "vanilla": 1.0,
    "label_noise": 30.0,
    "label_noise_x3": 15.0,
    "label_noise_x10": 5.0,
    "label_noise+m": 5.0,
    "label_noise_x4_batch_x4": 20.0,
}
LARGEST = {**TRACES, "label_noise": 15.0, "label_noise_x4_batch_x4": 5.0}
SUPPORTED = {"b4 label_noise": "not supported", "b4 label_noise_x3": "supported"} | dict.fromkeys(
    ("b5", "b6", "b7", "b8"), "supported"
)


def study(accuracies=ACCURACIES, traces=TRACES, largest=LARGEST, baseline: float = 0.92) -> StudyTables:
    """Three seeds of every recipe from random weights and from both starts, which are minima."""
    tables = made_up_study(
        lambda init, recipe: baseline if init == "random" else accuracies[recipe],
        recipes=list(accuracies),
        inits=["random", *STARTS],
        images=20_000,
    )
    noise = 1 + 0.01 * np.random.default_rng(0).random(len(tables.runs))
    recipes = tables.runs["recipe"]
    measured = {
        "trace.hessian": recipes.map(traces) * noise,
        "sharpness.trace": recipes.map(traces) * noise,
        "sharpness.eigenvalue_1": recipes.map(largest) * noise**2,
    }
    return replace(tables, runs=tables.runs.assign(**measured), histories=tables.histories.assign(train_accuracy=1.0))


def decided(tables: StudyTables, start: str = "adversarial_end", **settings) -> pd.DataFrame:
    """The rows of the claims of one start, by their number without it."""
    grid = StudyConfig(
        question="?", datasets=["digits"], models=["mlp"], inits=["random"], recipes=["vanilla"], seeds=[0]
    )
    known = ClaimsSettings(studies={"label_noise": grid}, statistics=STATISTICS, root_seed=0, ends=STARTS, **settings)
    claims = [claim for claim in claims_of("b") if start in claim.number and claim.number[1] in "45678"]
    rows = evaluate_claims(claims, {"label_noise": tables}, known)
    return rows.assign(claim=rows["claim"].str.replace(f" {start}", "")).set_index("claim")


@pytest.mark.parametrize("start", STARTS)
def test_planted_effects_are_found(start):
    rows = decided(study(), start)
    assert rows["verdict"].to_dict() == SUPPORTED
    assert rows.loc["b4 label_noise", "estimate"] == pytest.approx(-0.07, abs=0.005)
    assert rows.loc["b4 label_noise", "threshold"] == -STATISTICS.margin
    assert np.exp(rows.loc["b6", "estimate"]) == pytest.approx(6, rel=0.02)
    assert np.exp(rows.loc["b7", "estimate"]) == pytest.approx(1.5, rel=0.02)
    # Half of the trace in one eigenvalue, against a quarter.
    assert np.exp(rows.loc["b8", "estimate"]) == pytest.approx(2, rel=0.02)


def test_more_than_the_baseline_is_as_good_as_the_baseline_and_two_points_less_is_not():
    assert decided(study(baseline=0.8)).loc["b4 label_noise", "verdict"] == "supported"
    assert decided(study(baseline=0.87)).loc["b4 label_noise", "verdict"] == "not supported"


def test_effects_of_the_other_sign_support_nothing():
    accuracies = {**ACCURACIES, "label_noise+m": 0.9}
    traces = {**TRACES, "label_noise+m": 60.0, "label_noise_x4_batch_x4": 40.0}
    largest = {**LARGEST, "label_noise_x4_batch_x4": 35.0}
    verdicts = decided(study(accuracies, traces, largest))["verdict"]
    assert set(verdicts[["b5", "b6", "b7", "b8"]]) == {"not supported"}


def test_a_collapsed_run_is_not_flat_and_a_missing_measurement_decides_nothing():
    tables = study()
    runs = tables.runs.copy()
    runs.loc[(runs["recipe"] == "label_noise_x4_batch_x4") & (runs["seed"] == 0), "train_accuracy"] = 0.1
    rows = decided(replace(tables, runs=runs.drop(columns="sharpness.trace")))
    reason = "adversarial_end, label_noise_x4_batch_x4 has lost the fit to its training set, so it is at no minimum"
    assert rows.loc[["b7", "b8"], "reason"].to_list() == [reason] * 2
    without = replace(tables, runs=tables.runs.drop(columns="sharpness.trace"))
    assert decided(without).loc["b8", "reason"] == "no measurement sharpness.trace"


@pytest.mark.parametrize(
    ("presets", "undecided"),
    [
        (("paper", "overlays/controls"), {}),
        (("demo", "overlays/controls", "overlays/demo_controls"), {"b8": "sharpness is not among the diagnostics"}),
    ],
    ids=["paper", "demo_controls"],
)
def test_presets_have_the_runs_that_these_claims_need(presets, undecided):
    lacking = ClaimsSettings.of(with_presets(*presets)).lacking
    found = {number.split()[0]: reason for number, reason in lacking.items() if number.startswith("b")}
    assert found == undecided

"""Claims: verdicts follow from planted data."""

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pandas as pd
import pytest

from badminima.analysis.claims import CLAIMS
from badminima.analysis.claims.verdicts import verdict
from badminima.analysis.statistics import Estimate
from badminima.report.html import claims_page
from badminima.report.wording import amount, plain_text
from tests.unit.analysis.claims import deciding
from tests.unit.analysis.claims.deciding import made_up_study
from tests.unit.study import INITS, STATISTICS, as_in_the_paper

ABLATION = [claim for claim in CLAIMS if claim.study in ("study", "control")]
# As configs give them: the pretraining that each init is, or takes its norms from.
BEHIND = {"random": None, "adversarial": "adversarial", "random_rescaled": "adversarial", "true_labels": "true_labels"}
CONTROLLED = [*INITS, "true_labels"]
NUMBERS = [claim.number for claim in ABLATION]


def decided(tables, **settings) -> pd.DataFrame:
    """The claims of the ablation and of the controls, where one study has the cells of both."""
    return deciding.decided(ABLATION, tables, "study", "control", **settings)


@pytest.fixture(scope="module")
def tables():
    return made_up_study(as_in_the_paper, inits=CONTROLLED)


def test_data_as_in_the_paper_support_every_claim_of_accuracy_and_distance(tables):
    rows = decided(tables)
    assert rows.loc["size", ["p_value", "detectable", "seeds_needed"]].isna().all()
    # The made-up vanilla runs turn farther than the others, which distance does not show.
    expected = dict.fromkeys(NUMBERS, "supported") | {"4b": "not supported", "size": "estimated"}
    assert rows["verdict"].to_dict() == expected


def loses(loss: float, init: str = "adversarial"):
    """Accuracies where one init costs so much under every recipe."""
    return lambda found, recipe: 0.9 - loss * (found == init)


@pytest.mark.parametrize(
    ("accuracy", "grid", "expected"),
    [
        (loses(0.0), {}, {"1a": True, "2": True, "3a da+m": True, "1b": False, "3b da": False}),
        (loses(0.2), {}, {"1b": True, "2": False, "3a m+l2": False}),
        (as_in_the_paper, {"fitted": 0.99}, {"1a": False}),
        (loses(0.015), {"images": 60}, {"1b": "inconclusive", "2": "inconclusive"}),
        (loses(0.1), {"inits": CONTROLLED}, {"control c": True}),
        (loses(0.0), {"inits": CONTROLLED}, {"control c": False}),
        (loses(0.01), {"inits": CONTROLLED}, {"control c": "inconclusive"}),
        (as_in_the_paper, {"recipes": ["vanilla", "da+m+l2"]}, {"2": True, **dict.fromkeys(("3a da+m", "3b l2"))}),
        (as_in_the_paper, {"inits": ["random"]}, dict.fromkeys(NUMBERS)),
        (as_in_the_paper, {"seeds": 1}, dict.fromkeys(NUMBERS)),
    ],
)
def test_verdicts_follow_the_planted_effects(accuracy, grid, expected):
    words = {True: "supported", False: "not supported", None: "not measured"}
    found = decided(made_up_study(accuracy, **grid))["verdict"]
    assert found[list(expected)].tolist() == [words.get(verdict, verdict) for verdict in expected.values()]


@pytest.mark.parametrize(
    ("low", "high", "region", "expected"),
    [
        (0.02, 0.04, "above", "supported"),
        (0.005, 0.04, "above", "inconclusive"),
        (-0.04, 0.01, "above", "not supported"),
        (-0.009, 0.009, "within", "supported"),
        (-0.02, 0.009, "within", "inconclusive"),
        (-0.02, 0.02, "within", "inconclusive"),
        (0.01, 0.02, "within", "not supported"),
        (-0.03, -0.01, "within", "not supported"),
    ],
)
def test_a_verdict_is_where_the_interval_lies(low, high, region, expected):
    assert verdict(Estimate((low + high) / 2, 0.0, low, high, 3, np.zeros(2)), region, 0.01) == expected


def test_the_gap_is_paired_by_seed_and_image():
    # Seeds differ by 5 points on both sides alike: only differences within a seed are narrow.
    row = decided(made_up_study(lambda init, recipe: 0.7 if init == "random" else 0.6, shared=0.05)).loc["1b"]
    assert row["estimate"] == pytest.approx(0.1, abs=0.02)
    assert row["estimate"] - 0.03 < row["low"] < row["estimate"] < row["high"] < row["estimate"] + 0.03
    assert row["seeds"] == 3


def changed(tables, cells: str, **values):
    """Return a study in which the runs of some cells ended otherwise."""
    runs = tables.runs.copy()
    runs.loc[runs.query(cells).index, list(values)] = list(values.values())
    return replace(tables, runs=runs)


def test_a_diverged_run_supports_nothing_and_contradicts_1a(tables):
    lost = changed(tables, "init == 'adversarial' and recipe == 'vanilla'", status="diverged", train_accuracy=0.1)
    rows = decided(lost)
    assert rows.loc[["1a", "2"], "verdict"].tolist() == ["not supported", "supported"]
    assert set(rows.loc[["1b", "3c da", "4a", "control b"], "verdict"]) == {"not measured"}
    assert rows.loc["1b", "reason"] == "adversarial, vanilla diverged (seed 0, 1, 2)"


def pretrained(init: str, *statuses: str) -> pd.DataFrame:
    keys = {"dataset": "digits", "model": "mlp", "init": init}
    return pd.DataFrame([{**keys, "seed": seed, "status": status} for seed, status in enumerate(statuses)])


def test_without_a_fitted_pretraining_nothing_is_said_of_what_is_made_of_it(tables):
    failed = replace(tables, pretraining=pretrained("adversarial", "converged", "max_epochs"))
    rows = decided(failed, behind=BEHIND)
    assert set(rows["verdict"]) == {"not measured"}
    assert rows.loc["control a", "reason"] == "adversarial, seed 1, does not fit its confusing set (max_epochs)"
    empty = replace(tables, pretraining=pd.DataFrame(columns=["dataset", "model", "init"]))
    why = decided(empty, behind=BEHIND)["reason"]
    assert why.pop("control c") == "no record of the pretraining of true_labels"
    assert set(why) == {"no record of the pretraining of adversarial"}
    # That of an init that a claim doesn't name does not matter.
    both = pd.concat([pretrained("adversarial", *["converged"] * 3), pretrained("adversarial_r100", "max_epochs")])
    assert decided(replace(tables, pretraining=both), behind=BEHIND).loc["control a", "verdict"] == "supported"


def test_the_page_shows_every_claim_and_its_verdict(tables):
    claims = decided(tables).reset_index()
    page = unescape(claims_page(claims, STATISTICS))
    assert page.count("supported</td>") == len(claims) - 1
    assert "95% interval" in page
    assert page.count("lowest train accuracy 100.00%") == len(claims)
    assert page.count("against random_rescaled, whose readout is shrunk: +") == 3
    text = plain_text(claims)
    assert all(statement in page and statement in text for statement in claims["statement"])
    # 20 points are planted, and log ratios are read as ratios.
    assert re.search(r"\+(19|20)\.\d points \[.*\], 3 seeds: test accuracy, random minus adversarial, vanilla", text)
    assert "ratio of relative distances" in text.replace("log ratio", "")


def test_claim_5_follows_the_measurements_and_names_a_missing_one(tables):
    alike = tables.runs.assign(**{name: 1.0 for name in tables.runs if name.startswith("complexity.")})
    found = decided(replace(tables, runs=alike))["verdict"]
    assert found[["5a path", "5a spectral", "5b"]].tolist() == ["not supported", "not supported", "supported"]
    without = tables.runs.drop(columns=[name for name in tables.runs if name.startswith("robustness.pgd_linf")])
    assert decided(replace(tables, runs=without)).loc["5b", "reason"] == "no measurement robustness.pgd_linf_*"


@pytest.mark.parametrize(("power", "expected"), [(1, "not supported"), (0.5, "not supported"), (2, "supported")])
def test_claim_5b_is_about_what_an_attack_takes_and_not_about_clean_accuracy(tables, power, expected):
    clean = tables.runs["robustness.clean"]
    runs = tables.runs.assign(**{f"robustness.pgd_linf_{radius}": 0.8 * clean**power for radius in (1, 2)})
    assert decided(replace(tables, runs=runs)).loc["5b", "verdict"] == expected


def test_claims_about_minima_need_runs_that_fit_and_those_about_escape_do_not(tables):
    rows = decided(changed(tables, "recipe == 'da+m+l2' and seed == 0", train_accuracy=0.988))
    assert rows.loc["2", ["verdict", "train_accuracy"]].tolist() == ["supported", 0.988]
    assert rows.loc["1b", "train_accuracy"] == 1.0
    assert "lowest train accuracy 98.80%" in plain_text(rows.reset_index())
    loose = decided(changed(tables, "seed >= 0", train_accuracy=0.99))["reason"]
    wanting = loose.index[loose.str.endswith("so it is no minimum")]
    assert set(wanting) == {claim.number for claim in ABLATION if claim.group in ("1", "size", "5", "control")} - {"1a"}


def test_claim_5_is_also_stated_against_the_scale_control_where_the_study_has_it(tables):
    rows = decided(tables)
    # The measures follow the error, of which scale makes half.
    assert rows.loc["5a path", "against_control"] == pytest.approx(rows.loc["5a path", "estimate"] / 2, rel=0.1)
    assert rows.loc["5a path", "against_control_low"] < rows.loc["5a path", "against_control"]
    assert rows["against_control"].notna().sum() == 3
    without = decided(made_up_study(as_in_the_paper, inits=["random", "adversarial"]))
    assert without["against_control"].isna().all()
    assert without.loc["5a path", "verdict"] == "supported"


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (0.05463, "points", "+5.5"),
        (0.99127, "percent", "99.13"),
        (np.log(15.71), "factor", "15.7"),
        (4.4312, "number", "+4.43"),
        (-6252.17, "number", "-6,252"),
        (np.nan, "points", "-"),
    ],
)
def test_numbers_are_written_as_one_says_them(value, scale, text):
    assert amount(value, scale) == text

"""A config's targets are listed; one that is not there is answered with what may have been meant."""

import pytest

from badminima.analysis.claims import GROUPS, claims_of
from badminima.analysis.claims.grids import lacking, undecidable
from badminima.config.load import load_config
from badminima.workflow.targets import CLAIM_WORDS, advice, help_text, question_of, targets_of
from tests.configs import overlay, raw_config, with_presets
from tests.conftest import REPOSITORY

RULES = ["all", "figures", "fig_ablation", "fig_curves", "claim_2", "table_main"]
PRESETS = REPOSITORY / "presets"
CONTROLS = PRESETS / "overlays" / "controls.yaml"
LACKING = {f"claim_{group}": why for group in GROUPS if (why := undecidable(with_presets("demo"), group))}


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("fig_ablatoin", f"did you mean fig_ablation? 'snakemake help' lists {len(RULES) - 1} others"),
        ("zzzz", f"found no such target; 'snakemake help' lists {len(RULES)} others"),
        ("fig_replication", "not in this config; --configfile "),
        ("claim_6", "not in this config, as no study of replication is configured (claims.replication);"),
        ("claim_7", "as no toy is configured (toy); without --configfile it is there"),
    ],
)
def test_an_unknown_target_is_answered_with_what_brings_it_or_the_nearest(target, told):
    assert told in advice(target, RULES, PRESETS, LACKING)


@pytest.mark.parametrize("target", ["all", "results/x", "x.csv"])
def test_a_file_or_a_known_target_gets_no_advice(target):
    assert advice(target, RULES, PRESETS, {}) == ""


def test_of_many_near_targets_three_are_named():
    many = [*RULES, *(f"fig_ablation_{letter}" for letter in "abcdef")]
    assert advice("fig_ablation_", many, PRESETS, {}).count("fig_ablation_") == 4  # itself and three


def test_a_claim_of_which_a_part_can_be_decided_is_a_target():
    assert LACKING.keys() == {"claim_6", "claim_7", "claim_b"}
    one = load_config(raw_config()).model_copy(update={"diagnostics": ["norms", "complexity"]})
    assert lacking(one, next(claim for claim in claims_of("5") if claim.diagnostic == "robustness"))
    assert undecidable(one, "5") is None
    assert undecidable(one, "4") == "distance is not among the diagnostics"


def test_the_list_has_each_target_under_its_heading_and_the_files_that_bring_others():
    text = help_text(
        {"plan": "Cost.", "anim_toy": "How?", "claim_2": "It costs nothing."}, [REPOSITORY / "config.yaml", CONTROLS]
    )
    before, _, after = text.partition("Not in this config")
    assert before == (
        "Everything\n  plan      Cost.\n\nFigures\n  anim_toy  How?\n\nClaims\n  claim_2   It costs nothing.\n\n"
    )
    own, controls = after.strip().splitlines()[:2]
    assert "  without --configfile: claim_1" in f"  {own}"
    assert "claim_2" not in own
    assert "presets/overlays/controls.yaml on top: " in controls
    assert "fig_scale" in controls


def test_every_claim_has_words_and_a_figure_its_kinds_question_or_that_of_its_study():
    assert CLAIM_WORDS.keys() == set(GROUPS)
    mine = load_config(overlay(raw_config(), {"figures": {"mine": {"kind": "ablation", "study": "scale"}}}))
    assert question_of(mine, "mine") == raw_config()["studies"]["scale"]["question"]
    assert question_of(mine, "curves") == "How do accuracies grow along training?"


def test_a_preset_with_too_few_runs_of_the_toy_does_not_promise_its_claim():
    found = targets_of(PRESETS / "smoke.yaml")
    assert {"fig_toy", "anim_toy", "fig_toy_mechanism"} <= found
    assert "claim_7" not in found

"""A config's targets are listed; one that is not there is answered with what may have been meant."""

import pytest

from badminima.analysis.claims import GROUPS
from badminima.analysis.claims.grids import undecidable
from badminima.config.load import load_config
from badminima.workflow.targets import advice, help_text, question_of
from tests.configs import overlay, raw_config, with_presets
from tests.conftest import REPOSITORY

RULES = ["all", "figures", "fig_ablation", "fig_curves", "claim_2", *(f"report_{letter}" for letter in "abcd")]
PRESETS = REPOSITORY / "presets"
CONTROLS = PRESETS / "overlays" / "controls.yaml"
LACKING = {f"claim_{group}": why for group in GROUPS if (why := undecidable(with_presets("demo"), group))}


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("fig_ablatoin", "did you mean fig_ablation? 'snakemake help' lists all"),
        ("report_", "did you mean report_d, report_c, report_b? "),
        ("zzzz", "found no such target; 'snakemake help' lists all"),
        ("fig_scale", f"fig_scale: not in this config; {CONTROLS}"),
        ("table_ablation", f"not in this config; {REPOSITORY / 'config.yaml'} has it"),
        ("anim_toy", f"not in this config; {REPOSITORY / 'config.yaml'} or {PRESETS / 'smoke.yaml'} has it"),
        ("claim_6", f"as no study of replication is configured (claims.replication); {CONTROLS}"),
        ("claim_7", "claim_7: not in this config, as no toy is configured (toy)"),
        ("all", ""),
        ("results/x", ""),
        ("x.csv", ""),
    ],
)
def test_an_unknown_target_is_answered_with_what_brings_it_or_the_nearest(target, told):
    answer = advice(target, RULES, PRESETS, LACKING)
    assert told in answer
    assert bool(told) == bool(answer)


def test_a_claim_of_which_a_part_can_be_decided_is_a_target():
    one = load_config(raw_config()).model_copy(update={"diagnostics": ["norms", "complexity"]})
    assert undecidable(one, "5") is None


def test_the_list_has_each_target_and_the_files_that_bring_others():
    text = help_text({"plan": "Cost.", "claim_2": "It costs nothing."}, [REPOSITORY / "config.yaml", CONTROLS])
    first, second, _, _, own, controls, *_ = text.splitlines()
    assert (first, second) == ("  plan     Cost.", "  claim_2  It costs nothing.")
    assert "config.yaml: anim_toy, claim_1, claim_3, " in own
    assert "controls.yaml: claim_6, " in controls
    assert "fig_scale" in controls


def test_a_figure_answers_its_kinds_question_or_that_of_its_study():
    mine = load_config(overlay(raw_config(), {"figures": {"mine": {"kind": "ablation", "study": "scale"}}}))
    assert question_of(mine, "mine") == raw_config()["studies"]["scale"]["question"]
    assert question_of(mine, "curves") == "How do accuracies grow along training?"

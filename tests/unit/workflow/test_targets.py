"""A config's targets are listed in words; one that is not there is answered with what may have been meant."""

import pytest

from badminima.analysis.claims import GROUPS, claims_of
from badminima.analysis.claims.grids import lacking, undecidable
from badminima.config.load import load_config
from badminima.workflow.targets import advice, configured, documented, elsewhere, is_unknown
from tests.configs import overlay, raw_config, with_presets
from tests.conftest import REPOSITORY

RULES = ["all", "figures", "fig_ablation", "fig_curves", "claim_2", "table_main"]
PRESETS = REPOSITORY / "presets"
PAGE = (REPOSITORY / "docs" / "reference" / "targets.md").read_text()
CONTROLS = PRESETS / "overlays" / "controls.yaml"


def test_names_of_rules_and_files_are_no_unknown_targets():
    targets = ["all", "results/x", "x.csv", "fig_ablatoin"]
    assert [target for target in targets if is_unknown(target, RULES)] == ["fig_ablatoin"]


def test_a_misspelt_target_gets_the_nearest_one():
    line = advice("fig_ablatoin", RULES, PRESETS, {})
    assert line.endswith(f"did you mean fig_ablation? 'snakemake help' lists {len(RULES) - 1} others")


def test_a_figure_of_another_preset_is_told_with_that_preset():
    line = advice("fig_replication", RULES, PRESETS, {})
    assert "not in this config; --configfile " in line
    assert "presets/" in line


def test_of_many_near_targets_three_are_named_and_of_a_target_like_no_other_none():
    many = [*RULES, *(f"fig_ablation_{letter}" for letter in "abcdef")]
    line = advice("fig_ablation_", many, PRESETS, {})
    assert line.count("fig_ablation_") == 4  # itself and three
    assert line.endswith(f"'snakemake help' lists {len(many) - 3} others")
    line = advice("zzzz", RULES, PRESETS, {})
    assert line == f"target zzzz: found no such target; 'snakemake help' lists {len(RULES)} others"


def test_a_claim_that_a_config_cannot_decide_is_no_target_and_its_line_says_why_and_what_brings_it():
    demo = with_presets("demo")
    reasons = {f"claim_{group}": reason for group in GROUPS if (reason := undecidable(demo, group))}
    assert reasons.keys() == {"claim_6", "claim_7", "claim_b"}
    line = advice("claim_6", RULES, PRESETS, reasons)
    assert "not in this config, as no study of replication is configured (claims.replication);" in line
    assert "--configfile presets/overlays/controls.yaml on top or " in line.replace(f"{REPOSITORY}/", "")
    line = advice("claim_7", RULES, PRESETS, reasons)
    assert line.endswith("as no toy is configured (toy); without --configfile it is there")


def test_a_claim_of_which_a_part_can_be_decided_is_a_target():
    one = load_config(raw_config()).model_copy(update={"diagnostics": ["norms", "complexity"]})
    assert lacking(one, next(claim for claim in claims_of("5") if claim.diagnostic == "robustness"))
    assert undecidable(one, "5") is None
    assert undecidable(one, "4") == "distance is not among the diagnostics"


@pytest.mark.parametrize(
    "presets", [(), ("demo",), ("demo", "overlays/controls", "overlays/demo_controls"), ("paper", "overlays/controls")]
)
def test_every_target_of_a_shipped_config_is_listed_in_words(presets):
    targets = configured(with_presets(*presets), PAGE)
    assert all(target.meaning and "`" not in target.meaning for target in targets)
    assert len({target.name for target in targets}) == len(targets)
    assert {target.name for target in targets} <= {target.name for target in documented(PAGE)}


def test_a_list_has_a_configs_own_figure_and_only_the_claims_that_it_can_decide():
    mine = {"figures": {"mine": {"kind": "ablation", "study": "scale"}}, "toy": None}
    targets = {target.name: target for target in configured(load_config(overlay(raw_config(), mine)), PAGE)}
    assert targets["fig_mine"].meaning == raw_config()["studies"]["scale"]["question"]
    assert {"all", "help", "table_main", "claim_2", "fig_confusing"} <= targets.keys()
    assert not {"claim_6", "claim_7", "claim_b", "fig_toy", "fig_scale", "ablation"} & targets.keys()


def test_what_a_config_lacks_is_listed_with_the_file_that_brings_it():
    present = {target.name for target in configured(with_presets("demo"), PAGE)}
    brought = elsewhere(present, PAGE, [REPOSITORY / "config.yaml", PRESETS / "fashion.yaml", CONTROLS])
    assert brought.keys() == {REPOSITORY / "config.yaml", CONTROLS}
    assert brought[REPOSITORY / "config.yaml"] == ["fig_toy", "anim_toy", "fig_toy_mechanism", "claim_7"]
    assert {"fig_scale", "claim_6", "claim_b"} <= set(brought[CONTROLS])
    assert "fig_ablation" not in brought[CONTROLS]


def test_a_preset_with_too_few_runs_of_the_toy_does_not_promise_its_claim():
    smoke = PRESETS / "smoke.yaml"
    assert {"fig_toy", "anim_toy", "fig_toy_mechanism"} <= set(elsewhere([], PAGE, [smoke])[smoke])
    assert "claim_7" not in elsewhere([], PAGE, [smoke])[smoke]

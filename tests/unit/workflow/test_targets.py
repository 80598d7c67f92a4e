"""A target that is not there is answered with what may have been meant."""

from badminima.workflow.targets import advice, is_unknown
from tests.conftest import REPOSITORY

RULES = ["all", "figures", "fig_ablation", "fig_curves", "claim_2", "table_main"]
PRESETS = REPOSITORY / "presets"


def test_names_of_rules_and_files_are_no_unknown_targets():
    targets = ["all", "results/x", "x.csv", "fig_ablatoin"]
    assert [target for target in targets if is_unknown(target, RULES)] == ["fig_ablatoin"]


def test_a_misspelt_target_gets_the_nearest_one():
    assert advice("fig_ablatoin", RULES, PRESETS).endswith("did you mean fig_ablation?")


def test_a_figure_of_another_preset_is_told_with_that_preset():
    line = advice("fig_replication", RULES, PRESETS)
    assert "not in this config; --configfile " in line
    assert "presets/" in line


def test_a_target_like_no_other_gets_all_of_its_kind_or_all():
    assert advice("fig_zzzzzzzz", RULES, PRESETS).endswith("this config has fig_ablation, fig_curves")
    assert advice("zzzz", RULES, PRESETS).endswith(", ".join(sorted(RULES)))

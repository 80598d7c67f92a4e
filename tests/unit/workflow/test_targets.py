"""A config's targets are listed in words; one that is not there is answered with what may have been meant."""

import pytest

from badminima.config.load import load_config
from badminima.workflow.targets import advice, configured, documented, elsewhere, is_unknown
from tests.configs import overlay, raw_config, with_presets
from tests.conftest import REPOSITORY

RULES = ["all", "figures", "fig_ablation", "fig_curves", "claim_2", "table_main"]
PRESETS = REPOSITORY / "presets"
PAGE = (REPOSITORY / "docs" / "reference" / "targets.md").read_text()
CONTROLS = PRESETS / "overlays" / "demo_controls.yaml"


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


@pytest.mark.parametrize("presets", [(), ("demo",), ("demo", "overlays/demo_controls"), ("paper",)])
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
    assert brought[REPOSITORY / "config.yaml"] == ["fig_toy", "anim_toy", "claim_7"]
    assert {"fig_scale", "table_escape", "claim_6", "claim_b"} <= set(brought[CONTROLS])
    assert "fig_ablation" not in brought[CONTROLS]

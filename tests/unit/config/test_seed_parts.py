"""Parts of a seed: what inits fix, and what is refused of a table of them."""

import pytest

from badminima.config.load import load_config
from badminima.config.seed_parts import SeedParts
from badminima.errors import UserError
from badminima.experiment.runs import Run
from badminima.experiment.slices import (
    confuse_settings,
    initialize_settings,
    pretrain_settings,
    table_settings,
    train_settings,
)
from tests.configs import overlay, raw_config, with_presets

SET = {"kind": "adversarial", "replication": 15, "noise": 0.2}


@pytest.fixture(scope="module")
def config():
    return with_presets("demo", "overlays/demo_seed_parts")


def test_an_init_fixes_its_weights_and_its_confusing_set_and_the_order_is_the_runs(config):
    name = "weights_1_set_2"
    for seed in (0, 5):
        assert initialize_settings(config, "digits", "mlp", "weights_1", seed).seed == 1
        assert confuse_settings(config, "digits", name, seed).seed == 2
        assert pretrain_settings(config, "digits", "mlp", name, seed).seed == seed
        assert train_settings(config, Run("digits", "mlp", name, "vanilla", seed)).seed == seed


def test_an_init_that_fixes_nothing_has_the_seed_of_its_run(config):
    assert initialize_settings(config, "digits", "mlp", "random", 5).seed == 5
    assert confuse_settings(config, "digits", "adversarial", 5).seed == 5


def test_the_table_knows_the_seeds_of_its_inits_and_no_other_table_does(config):
    parts = table_settings(config, "seed_parts").parts
    assert len(parts) == 9
    assert parts["weights_1_set_2"] == SeedParts(weights=1, confusing=2)
    assert table_settings(with_presets("demo"), "main").parts is None


@pytest.mark.parametrize(
    "change",
    [
        {"inits": {"weights_1_set_2": {"replication": 14}}},
        {"inits": {"weights_1_set_2": {"confusing_seed": 1}}},
        {"inits": {"weights_1_set_2": {"confusing_seed": None}}},
        {"inits": {"weights_1": {"seed": None}}},
        {"inits": {"weights_1": {"gain": 2.0}}},
        {"studies": {"seed_parts": {"seeds": [0]}}},
        {"studies": {"seed_parts": {"inits": ["weights_0_set_0", "weights_0_set_1"]}}},
        {"studies": {"seed_parts": {"inits": ["random", "adversarial"]}}},
        {"studies": {"seed_parts": {"recipes": ["vanilla", "m"], "only": {"weights_1_set_2": ["m"]}}}},
    ],
    ids=lambda change: str(change)[:60],
)
def test_a_table_of_inits_that_do_not_cross_the_parts_is_refused(config, change):
    raw = overlay(config.model_dump(), change)
    with pytest.raises(UserError, match=r"tables\.seed_parts\.inits: found .*one for each pair"):
        load_config(raw)


@pytest.mark.parametrize(("name", "field", "value"), [("random", "seed", 3), ("adversarial", "confusing_seed", 3)])
def test_the_inits_that_claims_are_read_from_are_drawn_anew_for_every_seed(name, field, value):
    with pytest.raises(UserError, match=rf"inits\.{name}\.{field}: found 3; an init of this name has null"):
        load_config(overlay(raw_config(), {"inits": {name: {field: value}}}))

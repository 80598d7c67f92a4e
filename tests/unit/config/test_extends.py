"""Entries extend others of their group, with multiples of their numbers."""

import json

import pytest
from jsonschema import Draft202012Validator

from badminima.config import RecipeConfig
from badminima.config.load import load_config, load_inits
from badminima.config.schema import schema_text
from badminima.errors import UserError
from tests.configs import overlay, raw_config

PRESET = {"recipes": {"l2": {"weight_decay": 0.03}}, "training": {"epochs": 300, "batch_size": 50}}


def recipe(entry: dict, **others: dict) -> RecipeConfig:
    """A recipe of this entry, beside those of config.yaml under a preset."""
    return load_config(overlay(raw_config(), overlay(PRESET, {"recipes": {"mine": entry, **others}}))).recipes["mine"]


def test_an_entry_has_what_it_extends_and_its_own_over_it():
    assert recipe({"extends": "da+m+l2", "augmentation": False}) == RecipeConfig(momentum=0.9, weight_decay=0.03)
    inits = load_inits({"inits": {"a": {"kind": "random", "gain": 2}, "b": {"extends": "a"}}})
    assert inits["a"] == inits["b"]
    config = load_config(overlay(raw_config(), {"datasets": {"mine": {"extends": "cifar10", "train_size": 100}}}))
    assert config.datasets["mine"] == config.datasets["cifar10"].model_copy(update={"train_size": 100})


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"extends": "l2", "weight_decay": {"times": 0.1}}, {"weight_decay": 0.003}),
        ({"extends": "l2", "weight_decay": {"times": "0.1"}}, {"weight_decay": 0.003}),  # as --config has it
        ({"epochs": {"times": 3}}, {"epochs": 900}),
        ({"extends": "other", "epochs": {"times": 3}}, {"epochs": 21}),
        ({"batch_size": {"times": 0.25}}, {"batch_size": 13}),
        # However YAML spells the number: a whole one for what is counted, any other for the rest.
        ({"extends": "whole", "learning_rate_scale": {"times": 1.25}}, {"learning_rate_scale": 2.5}),
        ({"extends": ["da", "m", "l2"]}, {"augmentation": True, "momentum": 0.9, "weight_decay": 0.03}),
        ({"extends": ["l2", "stronger"]}, {"weight_decay": 0.3}),
        ({"extends": "tripled", "weight_decay": {"times": 2}}, {"weight_decay": 0.18}),
    ],
)
def test_a_number_may_be_a_multiple_of_the_extended_entrys_or_of_trainings(entry, expected):
    others = {"other": {"epochs": 7}, "whole": {"learning_rate_scale": 2}, "stronger": {"weight_decay": 0.3}}
    others["tripled"] = {"extends": "l2", "weight_decay": {"times": 3}}
    assert recipe(entry, **others) == RecipeConfig(**expected)


def test_mappings_in_an_entry_merge_and_may_hold_multiples():
    raw = overlay(raw_config(), {"models": {"group": {"extends": "resnet18", "options": {"norm": "group"}}}})
    raw["datasets"]["mine"] = {"extends": "restricted_imagenet", "options": {"side": {"times": 0.5}}}
    config = load_config(raw)
    assert config.models["group"].options == {"initialization": "torch", "norm": "group"}
    assert config.datasets["mine"].options == {"side": 32}


def test_text_that_reads_as_a_number_is_inherited_as_text():
    raw = overlay(raw_config(), {"datasets": {"a": {"source": "image_folder", "path": "2024"}, "b": {"extends": "a"}}})
    assert load_config(raw).datasets["b"].path == "2024"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"extends": "vanila"}, r"recipes.mine.extends: found 'vanila'; did you mean vanilla\? allowed: "),
        ({"extends": ["l2", "l3"]}, r"recipes.mine.extends: found 'l3'; allowed: "),
        ({"extends": "mine"}, "recipes.mine.extends: found 'mine'; .*allowed: "),
        ({"extends": "other"}, "recipes.other.extends: found 'mine'; .*allowed: "),
        ({"weight_decay": {"times": 2}}, "recipes.mine.weight_decay.times: found 2; nothing to multiply"),
        ({"extends": "da", "augmentation": {"times": 2}}, "augmentation.times: found 2; nothing to multiply"),
        ({"extends": "l2", "weight_decay": {"times": -1}}, "weight_decay.times: found -1; allowed: a number > 0"),
        ({"epochs": {"times": float("inf")}}, "epochs.times: found inf; allowed: a number > 0"),
        ({"extends": "l2", "weight_decay": {"times": True}}, "weight_decay.times: found True; allowed: a number > 0"),
        ({"batch_size": {"times": 0.001}}, "recipes.mine.batch_size: found 0; allowed"),
        ({"extends": "l2", "momentum": 2}, "mine.momentum: found 2; allowed: a number"),
    ],
)
def test_what_can_not_be_extended_or_multiplied_is_told_with_its_key(entry, message):
    with pytest.raises(UserError, match=message):
        recipe(entry, other={"extends": "mine"} if "other" in str(entry) else {})


def test_an_init_extends_none_that_was_taken_away():
    with pytest.raises(UserError, match=r"inits\.mine\.extends: found 'adversarial'; allowed: $"):
        load_inits({"inits": {"mine": {"extends": "adversarial", "noise": 0}, "adversarial": None}})


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ({"extends": ["l2", "m"], "weight_decay": {"times": 3}}, []),
        ({"extends": "l2", "weight_decai": 1}, ["'weight_decai' was unexpected"]),
        ({"extends": "l2", "epochs": {"times": -1}}, ["{'times': -1} is not valid"]),
    ],
)
def test_the_schema_of_editors_knows_both_keys_and_no_wrong_one_beside_them(recipe, expected):
    changed = overlay(raw_config(), {"recipes": {"mine": recipe}})
    errors = [error.message for error in Draft202012Validator(json.loads(schema_text())).iter_errors(changed)]
    assert [words in error for words, error in zip(expected, errors, strict=True)] == [True] * len(expected)


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ({"recipes": {"l2": {"weight_decay": -1}}}, ["recipes.l2.weight_decay: found -1; allowed: a number >= 0"]),
        (
            {"recipes": {"a": {"extends": "none"}, "b": {"extends": "m", "epochs": {"times": 0}}}},
            ["recipes.a.extends: found 'none'", "recipes.b.epochs.times: found 0"],
        ),
    ],
)
def test_a_wrong_value_is_told_where_it_was_written_and_all_of_them_at_once(change, lines):
    with pytest.raises(UserError) as mistake:
        load_config(overlay(raw_config(), change))
    told = str(mistake.value).splitlines()
    assert len(told) == len(lines)
    assert all(line.startswith(start) for line, start in zip(told, lines, strict=True))

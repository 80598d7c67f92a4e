"""Doses and parts of a seed: what the inits and recipes of a figure or table differ in."""

import pytest

from badminima.config import FigureConfig
from badminima.config.checks import doses_of
from badminima.config.load import load_config
from badminima.config.studies import Doses, SeedParts
from badminima.errors import UserError
from badminima.experiment.runs import Run
from badminima.experiment.settings import (
    ConfuseSettings,
    InitializeSettings,
    TableSettings,
    TrainSettings,
)
from tests.configs import overlay, raw_config, with_presets

VARIED = {
    "inits": {
        "r1": {"kind": "adversarial", "replication": 1, "noise": 0.1},
        "r5": {"kind": "adversarial", "replication": 5, "noise": 0.1},
        "labels_only": {"kind": "adversarial", "replication": 1, "noise": 0.0},
        "random_x2": {"kind": "random", "gain": 2},
    },
    "recipes": {
        "l2_strong": {"weight_decay": 0.05},
        "m+l2_strong": {"momentum": 0.9, "weight_decay": 0.05},
        "clipped": {"gradient_clipping": 0.1},
        "clipped_more": {"gradient_clipping": 0.01},
    },
    "studies": {
        "dose": {
            "question": "How much?",
            "datasets": ["cifar10"],
            "models": ["vgg16"],
            "inits": ["random", "labels_only", "r1", "r5", "adversarial", "random_x2", "random_rescaled"],
            "recipes": ["vanilla", "l2", "l2_strong", "m", "m+l2_strong", "clipped", "clipped_more", "da"],
            "seeds": [0, 1],
        }
    },
}


@pytest.fixture(scope="module")
def config():
    return load_config(overlay(raw_config(), VARIED))


def doses(config, over, **chosen) -> Doses | None:
    return doses_of(config, FigureConfig(kind="response", study="dose", over=over, **chosen), over)


@pytest.mark.parametrize(
    ("over", "recipes", "axis", "series"),
    [
        # labels_only has a replication too, but another noise: it is nowhere on this line.
        ("replication", None, "inits", [{"r1": 1, "r5": 5, "adversarial": 10}]),
        ("gain", None, "inits", [{"random": 1.0, "random_x2": 2.0}]),
        # Recipes that differ in more are series of their own; one without the number has no place.
        (
            "weight_decay",
            None,
            "recipes",
            [{"vanilla": 0.0, "l2": 0.0005, "l2_strong": 0.05}, {"m": 0.0, "m+l2_strong": 0.05}],
        ),
        ("weight_decay", ["vanilla", "l2", "m"], "recipes", [{"vanilla": 0.0, "l2": 0.0005}]),
        ("gradient_clipping", None, "recipes", [{"clipped": 0.1, "clipped_more": 0.01}]),
    ],
)
def test_entries_that_differ_in_the_setting_alone_stand_along_it(config, over, recipes, axis, series):
    assert doses(config, over, recipes=recipes) == Doses(over=over, axis=axis, series=series)


def test_two_entries_of_one_number_stand_nowhere(config):
    assert doses(config, "weight_decay", recipes=["vanilla", "m"]) is None


@pytest.mark.parametrize("over", ["augmentation", "schedule", "nothing"])
def test_what_is_no_number_of_an_entry_cannot_be_drawn_over(config, over):
    assert doses(config, over) is None


def test_a_batch_size_that_is_the_phases_stands_along_it_too():
    small = {"recipes": {"batch_16": {"batch_size": 16}}, "studies": {"dose": {"recipes": ["vanilla", "batch_16"]}}}
    config = load_config(overlay(overlay(raw_config(), VARIED), small))
    assert doses(config, "batch_size").series == [{"vanilla": 128, "batch_16": 16}]


@pytest.fixture(scope="module")
def crossed():
    return with_presets("demo", "overlays/demo_seed_parts")


def test_an_init_fixes_its_weights_and_its_confusing_set_and_the_order_is_the_runs(crossed):
    name = "weights_1_set_2"
    for seed in (0, 5):
        assert InitializeSettings.of(crossed, "digits", "mlp", "weights_1", seed).seed == 1
        assert ConfuseSettings.of(crossed, "digits", name, seed).seed == 2
        assert TrainSettings.of_pretraining(crossed, "digits", "mlp", name, seed).seed == seed
        assert TrainSettings.of(crossed, Run("digits", "mlp", name, "vanilla", seed)).seed == seed


def test_the_table_knows_the_seeds_of_its_inits_and_no_other_table_does(crossed):
    parts = TableSettings.of(crossed, "seed_parts").parts
    assert len(parts) == 9
    assert parts["weights_1_set_2"] == SeedParts(weights=1, confusing=2)


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
def test_a_table_of_inits_that_do_not_cross_the_parts_is_refused(crossed, change):
    raw = overlay(crossed.model_dump(), change)
    with pytest.raises(UserError, match=r"tables\.seed_parts\.inits: found .*one for each pair"):
        load_config(raw)

"""Dose response: which names of a study stand where along a setting."""

import pytest

from badminima.config import FigureConfig
from badminima.config.doses import Doses, doses_of, settings_varied
from badminima.config.load import load_config
from badminima.experiment.slices import figure_settings
from tests.configs import overlay, raw_config

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
    "figures": {"mine": {"kind": "response", "study": "dose", "over": "replication"}},
}


@pytest.fixture(scope="module")
def config():
    return load_config(overlay(raw_config(), VARIED))


def doses(config, over, **chosen) -> Doses | None:
    return doses_of(config, FigureConfig(kind="response", study="dose", over=over, **chosen), over)


def test_inits_that_differ_in_the_setting_alone_stand_along_it(config):
    # labels_only has a replication too, but another noise: it is nowhere on this line.
    assert doses(config, "replication") == Doses(
        over="replication", axis="inits", series=[{"r1": 1, "r5": 5, "adversarial": 10}]
    )
    assert doses(config, "gain").series == [{"random": 1.0, "random_x2": 2.0}]


def test_recipes_that_differ_in_more_are_series_of_their_own(config):
    assert doses(config, "weight_decay") == Doses(
        over="weight_decay",
        axis="recipes",
        series=[{"vanilla": 0.0, "l2": 0.0005, "l2_strong": 0.05}, {"m": 0.0, "m+l2_strong": 0.05}],
    )


def test_a_recipe_without_the_number_has_no_place(config):
    assert doses(config, "gradient_clipping").series == [{"clipped": 0.1, "clipped_more": 0.01}]


def test_only_what_the_figure_shows_counts(config):
    chosen = doses(config, "weight_decay", recipes=["vanilla", "l2", "m"])
    assert chosen.series == [{"vanilla": 0.0, "l2": 0.0005}]
    assert doses(config, "weight_decay", recipes=["vanilla", "m"]) is None


@pytest.mark.parametrize("over", ["augmentation", "schedule", "kind", "nothing", "model_config"])
def test_what_is_no_number_of_an_entry_cannot_be_drawn_over(config, over):
    assert doses(config, over) is None


def test_a_message_can_name_what_could_be_drawn_over(config):
    assert settings_varied(config, config.figures["mine"]) == [
        *("gain", "replication", "noise"),
        *("momentum", "weight_decay", "gradient_clipping"),
    ]


def test_a_figures_settings_hold_all_that_it_needs_of_the_config(config):
    assert figure_settings(config, "mine").doses == doses(config, "replication")
    assert figure_settings(config, "ablation").doses is None


def test_a_batch_size_that_is_the_phases_stands_along_it_too():
    small = {"recipes": {"batch_16": {"batch_size": 16}}, "studies": {"dose": {"recipes": ["vanilla", "batch_16"]}}}
    chosen = doses(load_config(overlay(overlay(raw_config(), VARIED), small)), "batch_size")
    assert chosen == Doses(over="batch_size", axis="recipes", series=[{"vanilla": 128, "batch_16": 16}])

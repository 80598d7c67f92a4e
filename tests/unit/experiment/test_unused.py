"""An entry that a user adds and no study needs is told; those of the shipped config are not."""

from badminima.config.load import load_config
from badminima.experiment.unused import unused
from tests.configs import overlay, raw_config

RAW = raw_config()


def told(own: dict) -> list[str]:
    return unused(load_config(overlay(RAW, own)), [RAW, {"recipes": {"adam": {}}}], [{}, own])


def test_an_entry_that_no_study_names_is_told():
    own = {
        "recipes": {"sam": {"sam": 0.05}, "ema": {"ema": 0.99}, "adam": {"optimizer": "adam"}},
        "inits": {"random_x2": {"kind": "random", "gain": 2.0}},
        "models": {"small": {"architecture": "mlp"}},
        "datasets": {"digits": {"source": "digits", "train_size": 1000}},
        "studies": {"scale": {"recipes": ["vanilla", "ema"]}},
    }
    assert told(own) == [
        f"{section}.{name}: no study uses it; add it to the {section} of one, or of the grid"
        for section, name in (("datasets", "digits"), ("models", "small"), ("inits", "random_x2"), ("recipes", "sam"))
    ]


def test_what_stands_behind_a_start_is_used():
    own = {
        "recipes": {"long": {"epochs": 9}},
        "inits": {
            "wide": {"kind": "random", "gain": 2.0},
            "end": {"kind": "run", "start": "wide", "recipe": "long"},
            "like_wide": {"kind": "rescaled", "like": "wide"},
        },
        "studies": {"scale": {"inits": ["random", "end", "like_wide"]}},
    }
    assert told(own) == []


def test_what_the_shipped_files_have_is_not_told():
    own = {"grid": {"datasets": ["cifar10"]}, "datasets": {"cifar100": {"train_size": 100}}}
    assert told(own) == []
    assert unused(load_config(overlay(RAW, {"recipes": {"sam": {"sam": 0.05}}})), [RAW], [{}]) == []


def test_the_config_of_an_importing_workflow_may_have_any_form():
    config = load_config(overlay(RAW, {"recipes": {"sam": {"sam": 0.05}}}))
    assert unused(config, [RAW], [None, [1], {"recipes": 3}, {"recipes": "sam"}]) == []

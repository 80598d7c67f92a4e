"""The cost plan: sums that can be done by hand."""

import pytest

from badminima.config.load import load_config
from badminima.errors import UserError
from badminima.experiment.cost import Speed, plan, read_speeds
from tests.unit.test_config import overlay, raw_config

SPEEDS = {name: Speed(1000.0, 4000.0, 1024) for name in ("vgg16", "resnet18", "resnet50", "densenet40")}
ONE = {
    "datasets": ["cifar10"],
    "models": ["resnet18"],
    "inits": ["random", "adversarial"],
    "recipes": ["vanilla"],
    "seeds": [0],
}

HOURS = "device-hours of training, at most"


def config(**changes):
    study = {
        "studies": {"ablation": ONE, "scale": None},
        "claims": {"control": None},
        "figures": {"curves": {"recipes": None}, "robustness": None},
        "tables": {"main": {"recipes": None}},
    }
    return load_config(overlay(overlay(raw_config(), study), changes))


def rows(config, speeds=SPEEDS):
    return plan(config, speeds).set_index("target")


def test_one_cell_from_both_inits_is_two_trainings_and_a_pretraining():
    found = rows(config())
    # Training: 350 epochs of 50,000 images; 71 evaluations of 60,000. Pretraining: ten copies, 350 epochs, and at
    # most 15 evaluations of the copies and of the test images.
    training = 350 * 50_000 / 1000 + 71 * 60_000 / 4000
    pretraining = 350 * 500_000 / 1000 + 15 * (500_000 + 10_000) / 4000
    assert found.loc["all", "trainings and pretrainings"] == 3
    assert found.loc["all", HOURS] == pytest.approx((2 * training + pretraining) / 3600)
    # Three sets of weights, and labels (8 bytes) and masks (384) of 500,000 copies.
    disk = 3 * (4 * 11_173_962 + 16 * 10_000) + 500_000 * (8 + 384)
    assert found.loc["all", "gigabytes"] == pytest.approx(disk / 1e9)


def test_figures_of_one_study_cost_the_same_and_augmentation_is_evaluated_twice():
    found = rows(config())
    assert found.loc["fig_ablation", HOURS] == found.loc["all", HOURS]
    augmented = rows(config(studies={"ablation": {"recipes": ["da"], "inits": ["random"]}}))
    expected = (350 * 50 + 71 * (2 * 50_000 + 10_000) / 4000) / 3600
    assert augmented.loc["all", HOURS] == pytest.approx(expected)


def test_a_recipe_costs_its_own_epochs_and_sharpness_awareness_twice():
    recipes = {"short": {"epochs": 35}, "sam": {"sam": 0.05}}
    costs = {
        name: rows(config(recipes=recipes, studies={"ablation": {"recipes": [name], "inits": ["random"]}}))
        for name in recipes
    }
    short = 35 * 50_000 / 1000 + (1 + 35) * 60_000 / 4000  # evaluated every 5 of 350 epochs, now every one (0.5) of 35
    assert costs["short"].loc["all", HOURS] == pytest.approx(short / 3600)
    twice = 2 * 350 * 50_000 / 1000 + 71 * 60_000 / 4000
    assert costs["sam"].loc["all", HOURS] == pytest.approx(twice / 3600)


def test_larger_images_cost_by_their_pixels():
    study = {"ablation": {"datasets": ["restricted_imagenet"], "inits": ["random"]}}
    small, large = (
        rows(config(studies=study, datasets={"restricted_imagenet": {"options": {"side": side}}})) for side in (32, 64)
    )
    assert large.loc["all", HOURS] == pytest.approx(4 * small.loc["all", HOURS])


def test_a_rescaled_init_pays_for_the_pretraining_behind_it_once():
    alone = rows(config(studies={"ablation": {"inits": ["random_rescaled"]}}))
    assert alone.loc["all", "trainings and pretrainings"] == 2
    both = rows(config(studies={"ablation": {"inits": ["adversarial", "random_rescaled"]}}))
    assert both.loc["all", "trainings and pretrainings"] == 3


def test_a_model_that_was_not_measured_is_named():
    with pytest.raises(UserError, match="no measured speed of resnet18; measured: vgg16"):
        rows(config(), {"vgg16": SPEEDS["vgg16"]})


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n"])
def test_another_table_is_refused(tmp_path, content):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(UserError, match="expected what `make bench` writes"):
        read_speeds(tmp_path / "x.csv")
    with pytest.raises(UserError, match="run `make bench` first"):
        read_speeds(tmp_path / "absent.csv")


def test_an_end_point_pays_for_the_runs_behind_it_once():
    inits = {
        "end": {"kind": "run", "start": "adversarial", "recipe": "da"},
        "later": {"kind": "run", "start": "end", "recipe": "m"},
    }
    alone = rows(config(inits=inits, studies={"ablation": {"inits": ["later"]}}))
    # Its own training, the two behind it, and the pretraining at the root.
    assert alone.loc["all", "trainings and pretrainings"] == 4
    with_one = rows(config(inits=inits, studies={"ablation": {"inits": ["later", "adversarial"]}}))
    assert with_one.loc["all", "trainings and pretrainings"] == 5

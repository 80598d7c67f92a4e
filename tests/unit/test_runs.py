"""Runs, paths and settings."""

import pytest

from badminima import runs
from badminima.loading import load_config
from badminima.runs import Paths, Run, all_runs, study_runs
from badminima.settings import collect_settings, confuse_settings, figure_settings, pretrain_settings, train_settings
from tests.unit.test_config import overlay, raw_config

RUN = Run("cifar10", "resnet18", "adversarial", "da+m", 3)


@pytest.fixture(scope="module")
def config():
    return load_config(raw_config())


@pytest.fixture(scope="module")
def larger_config():
    """The same experiment with a recipe, a seed and an init more."""
    change = {
        "recipes": {"strong": {"weight_decay": 0.1}},
        "inits": {"adversarial_r2": {"kind": "adversarial", "replication": 2, "noise": 0.1}},
        "studies": {
            "ablation": {
                "recipes": ["strong", "vanilla", "da+m", "da+m+l2"],
                "inits": ["adversarial_r2", "random", "adversarial"],
                "seeds": [9, 3],
            }
        },
    }
    return load_config(overlay(raw_config(), change))


def test_a_run_is_the_path_that_the_design_names():
    folder = Paths("results").run(RUN)
    assert str(folder) == "results/runs/cifar10/resnet18/adversarial/da+m/seed3"


def test_paths_take_wildcards_as_well_as_values():
    assert str(Paths("r").confusing("{dataset}", "{init}", "{seed}")) == (
        "r/confusing/{dataset}/{init}/seed{seed}.safetensors"
    )


def test_runs_that_two_studies_share_are_one_run(config):
    separate = [run for study in config.studies.values() for run in study_runs(study)]
    assert len(separate) == 4 * 4 * 5 * (16 + 6)
    assert len(all_runs(config)) == 4 * 4 * 5 * 18


def test_a_new_recipe_seed_or_init_changes_no_setting_of_another_run(config, larger_config):
    # Every random number of a run is drawn from streams that its settings name: equal settings, equal numbers.
    assert train_settings(config, RUN) == train_settings(larger_config, RUN)
    arguments = ("cifar10", "resnet18", "adversarial", 3)
    assert pretrain_settings(config, *arguments) == pretrain_settings(larger_config, *arguments)
    assert confuse_settings(config, "cifar10", "adversarial", 3) == confuse_settings(
        larger_config, "cifar10", "adversarial", 3
    )


def test_pretraining_is_vanilla_whatever_the_recipes_say(config):
    settings = pretrain_settings(config, "cifar10", "resnet18", "adversarial", 0)
    assert (settings.recipe.momentum, settings.recipe.weight_decay, settings.augmentation) == (0, 0, None)
    assert settings.optimization == config.pretraining


def test_augmentation_is_a_setting_only_where_the_recipe_uses_it(config):
    assert train_settings(config, RUN).augmentation == config.datasets["cifar10"].augmentation
    assert train_settings(config, Run("cifar10", "resnet18", "random", "m+l2", 0)).augmentation is None


def test_collect_knows_which_inits_were_trained(config):
    assert collect_settings(config, "scale").pretrained == ["adversarial"]


def test_a_figure_shows_its_study_unless_told_otherwise(config):
    assert figure_settings(config, "curves").recipes == ["vanilla", "da+m+l2"]
    assert figure_settings(config, "ablation").inits == ["random", "adversarial"]


def test_the_pretraining_behind_a_rescaled_init_is_collected_even_if_the_study_lacks_it():
    raw = overlay(raw_config(), {"studies": {"scale": {"inits": ["random", "random_rescaled"]}}})
    config = load_config(raw)
    assert runs.pretrained_inits(config, config.studies["scale"]) == ["adversarial"]
    assert runs.pretraining_behind(config, "random") is None

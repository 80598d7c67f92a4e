"""Runs, paths and settings."""

import pytest

from badminima.config.load import load_config
from badminima.experiment import measured, runs
from badminima.experiment.paths import Paths
from badminima.experiment.runs import Run, all_runs, random_behind, root_of, study_runs, unused, with_runs_behind
from badminima.experiment.settings import CollectSettings, ConfuseSettings, FigureSettings, TrainSettings
from tests.configs import overlay, raw_config

RUN = Run("cifar10", "resnet18", "adversarial", "da+m", 3)


@pytest.fixture(scope="module")
def config():
    return load_config(raw_config())


@pytest.fixture(scope="module")
def larger_config():
    """Return the experiment with a recipe, a seed and an init more."""
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


def test_paths_take_wildcards_as_well_as_values():
    paths = Paths("r")
    assert str(paths.run(RUN)) == "r/runs/cifar10/resnet18/adversarial/da+m/seed3"
    assert (
        str(paths.confusing("{dataset}", "{init}", "{seed}")) == "r/confusing/{dataset}/{init}/seed{seed}.safetensors"
    )


def test_runs_that_two_studies_share_are_one_run(config):
    separate = [run for study in config.studies.values() for run in study_runs(study)]
    # Of the controls the ablation has two recipes; of the four cells of the scale study it lacks one.
    assert len(separate) == 4 * 4 * 5 * (20 + 4)
    assert len(all_runs(config)) == 4 * 4 * 5 * 21


def test_a_new_recipe_seed_or_init_changes_no_setting_of_another_run(config, larger_config):
    # Every random number of a run is drawn from streams that its settings name: equal settings, equal numbers.
    assert TrainSettings.of(config, RUN) == TrainSettings.of(larger_config, RUN)
    arguments = ("cifar10", "resnet18", "adversarial", 3)
    assert TrainSettings.of_pretraining(config, *arguments) == TrainSettings.of_pretraining(larger_config, *arguments)
    assert ConfuseSettings.of(config, "cifar10", "adversarial", 3) == ConfuseSettings.of(
        larger_config, "cifar10", "adversarial", 3
    )


def test_augmentation_is_a_setting_only_where_the_recipe_uses_it(config):
    assert TrainSettings.of(config, RUN).augmentation == config.datasets["cifar10"].augmentation
    assert TrainSettings.of(config, Run("cifar10", "resnet18", "random", "m+l2", 0)).augmentation is None


def test_a_figure_shows_its_study_unless_told_otherwise(config):
    assert FigureSettings.of(config, "curves").recipes == ["vanilla", "da+m+l2"]
    assert FigureSettings.of(config, "ablation").inits == ["random", "adversarial", "random_rescaled", "true_labels"]


def test_what_an_init_is_made_of_whichever_way_its_scale_is_taken():
    inits = {
        "random_x2": {"kind": "random", "gain": 2.0},
        "random_x2_logits": {"kind": "rescaled", "start": "random_x2", "like": "random", "norms": "kept"},
        "adversarial_shrunk": {"kind": "rescaled", "start": "adversarial", "like": "random", "logits": False},
    }
    config = load_config(overlay(raw_config(), {"inits": inits}))
    behind = {name: runs.random_behind(config.inits, name) for name in config.inits}
    assert behind.pop("random_x2") == behind.pop("random_x2_logits") == "random_x2"
    assert set(behind.values()) == {"random"}
    pretrained = {name: runs.pretraining_behind(config, name) for name in config.inits}
    assert pretrained["adversarial_shrunk"] == pretrained["random_rescaled"] == "adversarial"
    assert pretrained["true_labels"] == "true_labels"
    assert pretrained["random_x2_logits"] is None
    assert runs.pretrainings_needed(config, "true_labels") == ["true_labels", "adversarial"]


def test_an_init_with_fewer_recipes_has_no_other_runs(config):
    study = config.studies["ablation"]
    of_control = {run.recipe for run in study_runs(study) if run.init == "true_labels"}
    assert of_control == {"vanilla", "da+m+l2"}
    assert {run.recipe for run in study_runs(study) if run.init == "random"} == set(study.recipes)
    # What only says of inits and recipes that a study lacks does not matter.
    narrow = study.model_copy(update={"inits": ["random"], "recipes": ["da"]})
    assert len(study_runs(narrow)) == 4 * 4 * 5


@pytest.fixture(scope="module")
def chained():
    """Inits that are end points of runs: from random, adversarial and rescaled weights, and from one another."""
    inits = {
        "momentum_end": {"kind": "run", "start": "random", "recipe": "m"},
        "adversarial_end": {"kind": "run", "start": "adversarial", "recipe": "vanilla"},
        "rescaled_end": {"kind": "run", "start": "random_rescaled", "recipe": "vanilla"},
        "later": {"kind": "run", "start": "adversarial_end", "recipe": "da"},
    }
    study = {"inits": ["random", "momentum_end", "rescaled_end", "later"]}
    return load_config(overlay(raw_config(), {"inits": inits, "studies": {"ablation": study}}))


def test_an_end_point_lies_where_its_run_left_it(chained):
    paths = Paths("r")
    starts = {init: str(paths.start(chained.inits, "cifar10", "vgg16", init, 1)) for init in chained.inits}
    assert starts["random"] == "r/inits/cifar10/vgg16/random/seed1/weights.safetensors"
    assert starts["adversarial_end"] == "r/runs/cifar10/vgg16/adversarial/vanilla/seed1/weights.safetensors"
    assert starts["later"] == "r/runs/cifar10/vgg16/adversarial_end/da/seed1/weights.safetensors"
    assert str(paths.start({}, "cifar10", "vgg16", "mine", 1)) == "r/inits/cifar10/vgg16/mine/seed1/weights.safetensors"


def test_a_chain_of_runs_leads_back_to_what_it_began_with(chained):
    inits = chained.inits
    assert [root_of(inits, name) for name in ("random", "momentum_end", "rescaled_end", "later")] == [
        "random",
        "random",
        "random_rescaled",
        "adversarial",
    ]
    assert {random_behind(inits, name) for name in inits} == {"random"}
    behind = {name: runs.pretraining_behind(chained, name) for name in inits}
    assert behind["momentum_end"] is behind["random"] is None
    assert {behind[name] for name in ("adversarial_end", "rescaled_end", "later")} == {"adversarial"}


def test_a_run_rests_on_the_runs_behind_its_init_whether_a_study_has_them_or_not(chained):
    run = Run("cifar10", "vgg16", "later", "l2", 1)
    behind = [Run("cifar10", "vgg16", "adversarial_end", "da", 1), Run("cifar10", "vgg16", "adversarial", "vanilla", 1)]
    assert with_runs_behind(chained.inits, [run, behind[1]]) == [run, behind[1], behind[0]]
    assert behind[0] not in all_runs(chained)


def test_a_run_from_an_end_point_is_compared_with_its_recipe_from_the_random_weights_at_the_root(chained):
    for init in ("momentum_end", "later", "rescaled_end"):
        run = Run("cifar10", "vgg16", init, "l2", 1)
        assert runs.reference_of(chained, run) == Run("cifar10", "vgg16", "random", "l2", 1)
    study = chained.studies["ablation"]
    assert measured.compared_inits(chained, study) == study.inits[1:]
    assert runs.pretrained_inits(chained, study) == ["adversarial"]


def test_a_run_is_measured_along_for_all_studies_that_have_it():
    along = {"ablation": {"along": ["units", "norms"]}, "scale": {"along": ["norms", "distance"], "seeds": [0, 7]}}
    changes = {"studies": along, "measuring": {"options": {"privacy": {"resamples": 100}}}}
    config, plain = load_config(overlay(raw_config(), changes)), load_config(raw_config())

    def names(init, recipe, seed):
        settings = TrainSettings.of(config, Run("cifar10", "vgg16", init, recipe, seed)).along
        return settings and settings.measurements

    assert names("adversarial", "vanilla", 0) == ["distance", "norms", "units"]  # the registry's order
    assert names("adversarial", "da", 0) == names("adversarial", "vanilla", 1) == ["norms", "units"]
    assert names("random_rescaled", "vanilla", 7) == ["distance", "norms"]
    assert names("random_rescaled", "da", 1) is None
    arguments = ("cifar10", "vgg16", "adversarial")
    assert TrainSettings.of_pretraining(config, *arguments, 0).along.measurements == ["distance", "norms", "units"]
    # The rescaled init takes its norms from that pretraining.
    assert TrainSettings.of_pretraining(config, *arguments, 7).along.measurements == ["distance", "norms"]
    assert TrainSettings.of_pretraining(config, *arguments, 9).along is None
    # Where nothing is measured along, nothing depends on how it would be.
    fewer = load_config(overlay(raw_config(), {"measuring": {"images": 7, "options": {"units": {}}}}))
    assert TrainSettings.of(fewer, RUN) == TrainSettings.of(plain, RUN)
    assert TrainSettings.of(config, RUN).along.options == {}


def told(own: dict) -> list[str]:
    shipped = [raw_config(), None, [1], {"recipes": "adam"}, {"recipes": {"adam": {}}}]
    return unused(load_config(overlay(raw_config(), own)), shipped)


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


def test_tables_of_outcomes_read_no_measurements(config):
    settings = CollectSettings.of(config, "scale")
    assert (settings.measured, settings.pretrained) == (True, ["adversarial"])
    outcomes = {"measured": False, "compared": [], "landscapes": {}}
    assert CollectSettings.of_outcomes(config, "scale") == settings.model_copy(update=outcomes)

"""The configuration: what it accepts, and what it says of what it doesn't."""

import functools
import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest
import yaml
from pydantic import ValidationError

from badminima.analysis.claims.grids import claims_settings
from badminima.config import Config
from badminima.config.load import load_config
from badminima.config.schema import REFERENCE, REGISTRIES, SCHEMA, reference_text, schema_text
from badminima.data.confusing import zeroed_values
from badminima.errors import UserError
from badminima.experiment.runs import Run, all_runs
from badminima.experiment.slices import diagnose_settings, train_settings
from badminima.training.optimizer import rate_of_step
from tests.configs import overlay, raw_config, with_presets
from tests.conftest import REPOSITORY

WITHOUT_SCALE = {"studies": {"scale": None}, "claims": {"control": None}}
CONTROLS = ("demo", "overlays/controls")
PRESETS = sorted((REPOSITORY / "presets").glob("*.yaml"))


def test_the_paper_config_names_all_its_datasets_and_models():
    config = load_config(raw_config())
    assert set(config.studies["ablation"].datasets) == {"cifar10", "cifar100", "cinic10", "restricted_imagenet"}
    assert set(config.studies["ablation"].models) == {"vgg16", "resnet18", "resnet50", "densenet40"}
    assert len(config.recipes) == 8


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_every_preset_is_valid_and_has_a_results_folder_of_its_own(preset):
    results = load_config(overlay(raw_config(), yaml.safe_load(preset.read_text()))).results
    assert results == f"results/{preset.stem}"


@pytest.mark.parametrize(
    ("base", "top"),
    [
        (["demo", "overlays/controls"], "demo_controls"),
        (["demo"], "demo_seed_parts"),
        (["demo"], "fitted"),
        (["fashion"], "fashion_gpu"),
    ],
)
def test_an_overlay_goes_on_top_of_its_preset_into_a_folder_of_its_own(base, top):
    assert with_presets(*base, f"overlays/{top}").results == f"results/{top}"


@pytest.mark.parametrize("base", [preset.stem for preset in PRESETS])
def test_controls_go_on_top_of_any_preset_run_on_its_grid_and_take_its_strengths(base):
    plain, more = with_presets(base), with_presets(base, "overlays/controls")
    added = more.studies.keys() - plain.studies.keys()
    assert {"replication", "strength_l2", "escape"} <= added
    grids = {(tuple(study.datasets), tuple(study.models), tuple(study.seeds)) for study in map(more.studies.get, added)}
    assert grids == {(tuple(plain.grid.datasets), tuple(plain.grid.models), tuple(plain.grid.seeds))}
    assert more.recipes["l2_x3"].weight_decay == pytest.approx(3 * plain.recipes["l2"].weight_decay)
    assert more.recipes["long"].epochs == 3 * plain.training.epochs
    assert more.recipes["batch_x4"].batch_size == 4 * plain.training.batch_size
    assert more.inits["zeroing_0"] == plain.inits["adversarial"].model_copy(update={"noise": 0})
    for run in all_runs(plain):  # some are measured along the way, too
        assert train_settings(more, run).model_copy(update={"along": None}) == train_settings(plain, run)


@pytest.mark.parametrize("base", ["demo", "fashion", "cifar_small", "cifar_gpu", "paper"])
def test_filter_landscapes_go_on_top_of_any_preset_and_train_nothing_anew(base):
    plain, more = with_presets(base), with_presets(base, "overlays/filter_landscape")
    assert all_runs(more) == all_runs(plain)
    assert more.figures.keys() - plain.figures.keys() == {"filter_landscape"}
    run = all_runs(plain)[0]
    assert train_settings(more, run) == train_settings(plain, run)
    assert diagnose_settings(more, run).measurements == [
        *diagnose_settings(plain, run).measurements,
        "filter_landscape",
    ]


def test_five_splits_are_one_dataset_cut_five_times():
    config = with_presets("demo", "overlays/demo_splits")
    splits = config.grid.datasets
    assert len(splits) == 5
    assert all(config.datasets[name] == config.datasets["digits"] for name in splits)


def test_label_noise_as_published_has_the_settings_of_the_published_code():
    config = with_presets("overlays/label_noise_published")
    run = Run("cifar10", "resnet18", "adversarial_end", "label_noise", 0)
    settings, whole = train_settings(config, run), train_settings(config, replace(run, recipe="full_batch"))
    # data.py, module.py and train.py of that code, with their defaults.
    assert settings.model.options == {"norm": "group"}  # Kaiming normal by outputs, as torchvision draws it
    phase = settings.optimization
    assert (phase.batch_size, phase.learning_rate, phase.epochs, phase.drop_last) == (256, 1.0, 1000, True)
    assert settings.recipe.label_noise == 0.2
    assert settings.augmentation is None
    assert (settings.recipe.momentum, settings.recipe.weight_decay) == (0, 0)
    rates = [rate_of_step(phase, settings.recipe, step, 195) for step in (0, 9749, 9750, 102375, 194999)]
    assert rates == pytest.approx([0, 1, 1, 0.5, 0], abs=1e-9)
    rates = [rate_of_step(whole.optimization, whole.recipe, step, 195) for step in (0, 49, 50, 525, 999)]
    assert rates == pytest.approx([0, 1, 1, 0.5, 0], abs=1e-5)
    adversarial = config.inits["adversarial"]
    assert (adversarial.replication, adversarial.zeroing) == (10, "pixels_with_replacement")
    assert zeroed_values((3, 32, 32), adversarial.noise, adversarial.zeroing) == 3 * (32 * 32 // 10)
    lacking = claims_settings(config).lacking
    assert {number.split()[0] for number in lacking if number.startswith("b")} == {"b5"}


@pytest.mark.parametrize(
    "presets", [("demo", "overlays/controls", "overlays/demo_controls"), ("paper", "overlays/controls")], ids=" ".join
)
def test_every_control_has_a_figure_of_its_own(presets):
    config = with_presets(*presets)
    assert {figure.study for figure in config.figures.values()} >= set(config.studies) - {"scale"}


def test_numbers_and_truth_values_may_arrive_as_text():
    raw = overlay(raw_config(), {"training": {"epochs": "300"}, "recipes": {"da": {"augmentation": "true"}}})
    config = load_config(
        overlay(raw, {"studies": {"ablation": {"seeds": ["0", "1"]}, "scale": "null"}, "claims": {"control": "null"}})
    )
    assert config.training.epochs == 300
    assert config.recipes["da"].augmentation is True
    assert config.studies["ablation"].seeds == [0, 1]
    assert set(config.studies) == {"ablation"}


def test_a_sentence_that_is_no_yaml_is_text():
    question = "from vanilla: does momentum: escape?"
    config = load_config(overlay(raw_config(), {"studies": {"scale": {"question": question}}}))
    assert config.studies["scale"].question == question


def test_studies_run_on_the_grid_unless_they_say_otherwise():
    grid = {"datasets": ["cifar100"], "models": ["vgg16"], "seeds": [7]}
    config = load_config(overlay(raw_config(), {"grid": grid, "studies": {"scale": {"seeds": [1, 2]}}}))
    ablation, scale = config.studies["ablation"], config.studies["scale"]
    assert (ablation.datasets, ablation.models, ablation.seeds) == (["cifar100"], ["vgg16"], [7])
    assert (scale.datasets, scale.seeds) == (["cifar100"], [1, 2])


def test_a_study_without_any_seeds_says_where_they_may_stand():
    raw = raw_config()
    del raw["grid"]["seeds"]
    message = r"studies\.ablation\.seeds: found nothing; expected some here or in grid\.seeds"
    with pytest.raises(UserError, match=message):
        load_config(raw)


def test_a_figure_may_have_a_name_of_its_own():
    config = load_config(overlay(raw_config(), {"figures": {"scale": {"kind": "ablation", "study": "scale"}}}))
    assert config.figures["scale"].kind == "ablation"


def test_resources_of_a_rule_that_names_none_are_the_default_ones():
    raw = overlay(raw_config(), {"resources": {"default": {"mem_mb": 123}, "train": None}})
    assert load_config(raw).resources.of("train").mem_mb == 123
    assert load_config(raw).resources.of("collect").mem_mb == 123


def test_memory_and_time_double_up_to_their_limits_and_what_resumes_asks_for_the_same_time():
    train = {"mem_mb": 1000, "runtime": 100}
    free = load_config(overlay(raw_config(), {"resources": {"train": train, "max_runtime": None}})).resources
    assert [free.memory("train", attempt) for attempt in (1, 2, 3)] == [1000, 2000, 4000]
    assert [free.runtime("train", attempt) for attempt in (1, 2, 3)] == [100, 200, 400]
    assert [free.runtime("train", attempt, resumes=True) for attempt in (1, 2, 3)] == [100] * 3
    limits = {"train": train, "max_runtime": 300, "max_mem_mb": 1500}
    limited = load_config(overlay(raw_config(), {"resources": limits})).resources
    assert [limited.memory("train", attempt) for attempt in (1, 2, 3)] == [1000, 1500, 1500]
    assert [limited.runtime("train", attempt) for attempt in (1, 2, 3)] == [100, 200, 300]
    assert limited.runtime("train", 3, share=0.5) == 150


def test_the_name_of_a_paper_init_is_kept_for_it():
    raw = raw_config()
    raw["inits"]["adversarial"] = {"kind": "random"}
    raw["inits"]["true_labels"] = None
    with pytest.raises(
        UserError, match=r"inits\.adversarial\.kind: found 'random'; an init of this name has adversarial"
    ):
        load_config(overlay(raw, {"inits": {"random_rescaled": None}, **WITHOUT_SCALE}))


def test_null_removes_an_entry():
    config = load_config(overlay(raw_config(), WITHOUT_SCALE))
    assert set(config.studies) == {"ablation"}


def test_yaml_reads_5e_4_as_text_and_the_config_as_a_number():
    raw = overlay(raw_config(), yaml.safe_load("recipes: {l2: {weight_decay: 5e-4}}"))
    assert load_config(raw).recipes["l2"].weight_decay == 0.0005


@pytest.mark.parametrize(
    ("change", "key", "found", "allowed"),
    [
        ({"sede": 1}, "sede", "unknown key", "seed"),
        ({"seed": "abc"}, "seed", "'abc'", "a whole number >= 0"),
        ({"seed": -1}, "seed", "-1", "a whole number >= 0"),
        ({"device": "tpu"}, "device", "'tpu'", "auto, cpu, cuda"),
        ({"recipes": {"da": {"momentu": 1}}}, "recipes.da.momentu", "unknown key", "momentum"),
        ({"recipes": {"da": {"momentum": 1.0}}}, "recipes.da.momentum", "1.0", "a number >= 0 and < 1"),
        ({"recipes": {"da": {"augmentation": 1}}}, "recipes.da.augmentation", "1", "true or false"),
        ({"recipes": [1]}, "recipes", "[1]", "a mapping"),
        ({"recipes": {"A/b": {}}}, "recipes.A/b", "unfit name", "lower-case"),
        ({"inits": {"adversarial": {"noise": 1.0}}}, "inits.adversarial.noise", "1.0", "< 1"),
        ({"inits": {"adversarial": {"noise": -0.1}}}, "inits.adversarial.noise", "-0.1", ">= 0"),
        ({"inits": {"adversarial": {"zeroing": "rows"}}}, "inits.adversarial.zeroing", "'rows'", "values, pixels"),
        ({"inits": {"adversarial": {"label_fraction": -1}}}, "inits.adversarial.label_fraction", "-1", ">= 0 and <= 1"),
        ({"inits": {"true_labels": {"label_fraction": 0.5}}}, "inits.true_labels.label_fraction", "0.5", "has 0.0"),
        ({"inits": {"true_labels": {"epochs_like": None}}}, "inits.true_labels.epochs_like", "None", "has adversarial"),
        (
            {"inits": {"longer": {"kind": "adversarial", "replication": 1, "noise": 0, "epochs_like": "true_labels"}}},
            "inits.longer.epochs_like",
            "'true_labels'",
            "allowed: adversarial",
        ),
        ({"inits": {"random_rescaled": {"logits": False}}}, "inits.random_rescaled.logits", "False", "has True"),
        ({"inits": {"odd": {"kind": "rescaled", "start": "x"}}}, "inits.odd.start", "'x'", "random, adversarial"),
        ({"studies": {"ablation": {"only": {"randm": ["m"]}}}}, "studies.ablation.only", "'randm'", "random"),
        ({"studies": {"ablation": {"only": {"random": ["x"]}}}}, "studies.ablation.only.random", "'x'", "vanilla"),
        ({"studies": {"scale": {"only": {"random": ["m"]}}}}, "studies.scale.only.random", "['m']", "some of vanilla"),
        ({"inits": {"adversarial": {"label_fraction": 1.1}}}, "inits.adversarial.label_fraction", "1.1", "<= 1"),
        ({"inits": {"odd": {"kind": "other"}}}, "inits.odd", "other", "adversarial, random, rescaled"),
        ({"inits": {"odd": {"kind": "rescaled", "like": "x"}}}, "inits.odd.like", "'x'", "adversarial"),
        ({"inits": {"odd": {"kind": "adversarial", "noise": 0}}}, "inits.odd.replication", "nothing", "required"),
        ({"inits": {"end": {"kind": "run", "start": "x", "recipe": "da"}}}, "inits.end.start", "'x'", "adversarial"),
        ({"inits": {"end": {"kind": "run", "start": "random", "recipe": "x"}}}, "inits.end.recipe", "'x'", "vanilla"),
        ({"inits": {"end": {"kind": "run", "start": "random"}}}, "inits.end.recipe", "nothing", "required"),
        (
            {
                "inits": {
                    "a": {"kind": "run", "start": "b", "recipe": "da"},
                    "b": {"kind": "run", "start": "a", "recipe": "l2"},
                }
            },
            "inits.a.start",
            "a -> b -> a",
            "begin at an init of another kind",
        ),
        (
            {"inits": {"a": {"kind": "run", "start": "a", "recipe": "da"}}},
            "inits.a.start",
            "a -> a",
            "begin at an init of another kind",
        ),
        ({"datasets": {"mine": {"source": "mnist"}}}, "datasets.mine.source", "'mnist'", "digits"),
        ({"data": {"local_dirs": {"mnist": "x"}}}, "data.local_dirs", "'mnist'", "digits"),
        ({"models": {"big": {"architecture": "vit"}}}, "models.big.architecture", "'vit'", "resnet18"),
        (
            {"models": {"m": {"architecture": "mlp", "options": {"widths": 3}}}},
            "models.m.options.widths",
            "3",
            "a list that is not empty",
        ),
        (
            {"models": {"m": {"architecture": "mlp", "options": {"depth": 3}}}},
            "models.m.options.depth",
            "unknown key",
            "widths",
        ),
        ({"datasets": {"d": {"source": "digits", "path": "x"}}}, "datasets.d.path", "'x'", "null"),
        ({"datasets": {"cifar10": {"path": ""}}}, "datasets.cifar10.path", "''", "text"),
        ({"datasets": {"cifar10": {"test_size": 0}}}, "datasets.cifar10.test_size", "0", ">= 1"),
        ({"grid": {"datasets": ["mnist"]}}, "grid.datasets", "'mnist'", "cifar10"),
        ({"grid": {"seeds": [0, 0]}}, "grid.seeds", "0 more than once", "once"),
        ({"grid": {"seeds": 3}}, "grid.seeds", "3", "a list"),
        ({"grid": {"recipes": ["m"]}}, "grid.recipes", "an unknown key", "datasets, models, seeds"),
        ({"studies": {"ablation": {"datasets": ["mnist"]}}}, "studies.ablation.datasets", "'mnist'", "cifar10"),
        ({"studies": {"ablation": {"recipes": ["sgd"]}}}, "studies.ablation.recipes", "'sgd'", "vanilla"),
        ({"studies": {"ablation": {"seeds": [0, 1, 0]}}}, "studies.ablation.seeds", "0 more than once", "once"),
        ({"studies": {"ablation": {"inits": ["random", "random"]}}}, "studies.ablation.inits", "'random' more", "once"),
        (
            {"models": {"m": {"architecture": "mlp", "options": {"widths": []}}}},
            "models.m.options.widths",
            "[]",
            "not empty",
        ),
        (
            {"models": {"m": {"architecture": "mlp", "options": {"widths": [0]}}}},
            "models.m.options.widths.0",
            "0",
            ">= 1",
        ),
        (
            {"datasets": {"cinic10": {"options": {"parts": 3}}}},
            "datasets.cinic10.options.parts",
            "unknown key",
            "train_parts",
        ),
        (
            {"datasets": {"restricted_imagenet": {"options": {"side": "64px"}}}},
            "datasets.restricted_imagenet.options.side",
            "'64px'",
            "a whole number >= 8",
        ),
        ({"data": {"urls": {"cifar10": ["ftp://x"]}}}, "data.urls.cifar10.0", "'ftp://x'", "https?"),
        ({"data": {"urls": {"mnist": ["http://x"]}}}, "data.urls", "'mnist'", "cifar10"),
        ({"inits": {"random": {"gain": 0}}}, "inits.random.gain", "0", "> 0"),
        ({"inits": {"random": {"gain": 4}}}, "inits.random.gain", "4", "1.0"),
        (
            {"inits": {"big": {"kind": "random", "gain": 4}, "adversarial": {"start": "big"}}},
            "inits.adversarial.start",
            "'big'",
            "random",
        ),
        (
            {"models": {"resnet18": {"options": {"stem": "large"}}}},
            "models.resnet18.options.stem",
            "'large'",
            "small, imagenet",
        ),
        (
            {"datasets": {"cinic10": {"options": {"train_parts": ["test"]}}}},
            "datasets.cinic10.options.train_parts.0",
            "'test'",
            "train, valid",
        ),
        ({"statistics": {"confidence": 0.999}}, "statistics.resamples", "2000", "50000"),
        ({"statistics": {"fitted_tolerance": 0}}, "statistics.fitted_tolerance", "0", "> 0"),
        ({"recipes": {"vanilla": {"momentum": 0.9}}}, "recipes.vanilla", "'momentum': 0.9", "exactly these"),
        ({"recipes": {"da": {"augmentation": False}}}, "recipes.da", "{}", "exactly these"),
        ({"recipes": {"m": {"learning_rate_scale": 0.1}}}, "recipes.m", "learning_rate_scale", "exactly these"),
        ({"recipes": {"label_noise": {}}}, "recipes.label_noise", "{}", "label_noise > 0"),
        (
            {"recipes": {"label_noise": {"label_noise": 0.2, "batch_size": 9}}},
            "recipes.label_noise",
            "9",
            "nothing else",
        ),
        ({"recipes": {"label_noise_x3": {"label_noise": 0.2}}}, "recipes.label_noise_x3", "0.2", "at 3 times"),
        (
            {
                "recipes": {
                    "label_noise": {"label_noise": 0.2},
                    "label_noise_x3": {"label_noise": 0.1, "learning_rate_scale": 3},
                }
            },
            "recipes.label_noise_x3.label_noise",
            "0.1",
            "that of recipes.label_noise, 0.2",
        ),
        (
            {"recipes": {"label_noise+m": {"label_noise": 0.2, "momentum": 0.5}}},
            "recipes.label_noise+m",
            "'momentum': 0.5",
            "with momentum 0.9",
        ),
        (
            {"recipes": {"label_noise_x4_batch_x4": {"label_noise": 0.2, "learning_rate_scale": 4, "batch_size": 128}}},
            "recipes.label_noise_x4_batch_x4",
            "'batch_size': 128",
            "at 4 times the phase's learning rate and batch_size 512",
        ),
        ({"recipes": {"full_batch": {}}}, "recipes.full_batch.full_batch", "False", "true"),
        (
            {"inits": {"adversarial_end": {"kind": "run", "start": "random", "recipe": "vanilla"}}},
            "inits.adversarial_end.start",
            "'random'",
            "adversarial",
        ),
        (
            {"inits": {"full_batch_end": {"kind": "run", "start": "random", "recipe": "vanilla"}}},
            "inits.full_batch_end.recipe",
            "'vanilla'",
            "full_batch",
        ),
        ({"studies": {"ablation": {"along": ["trac"]}}}, "studies.ablation.along", "'trac'", "sharpness"),
        ({"studies": {"ablation": {"along": ["landscape"]}}}, "studies.ablation.along", "'landscape'", "sharpness"),
        ({"diagnostics": []}, "diagnostics", "[]", "not empty"),
        ({"diagnostics": ["norms"]}, "diagnostics", "['norms']", "figures.distance needs distance"),
        (
            {"figures": {"label_noise": {"study": "scale"}}},
            "studies.scale.along",
            "[]",
            "figures.label_noise needs trace among them",
        ),
        ({"figures": {"far": {"kind": "distances", "study": "scale"}}}, "figures.far.kind", "'distances'", "distance"),
        ({"results": "my results"}, "results", "'my results'", "text that matches"),
        ({"results": "a&b"}, "results", "'a&b'", "text that matches"),
        ({"studies": {"ablation": {"seeds": []}}}, "studies.ablation.seeds", "[]", "not empty"),
        ({"figures": {"pie": {"study": "ablation"}}}, "figures", "'pie'", "curves, pretraining, ablation"),
        ({"figures": {"curves": {"study": "x"}}}, "figures.curves.study", "'x'", "ablation"),
        ({"figures": {"curves": {"recipes": ["x"]}}}, "figures.curves.recipes", "'x'", "vanilla"),
        ({"figures": {"ablation": {"over": "gain"}}}, "figures.ablation.over", "'gain'", "not drawn over a setting"),
        ({"figures": {"response": {"study": "ablation"}}}, "figures.response.over", "nothing", "momentum"),
        (
            {"figures": {"response": {"study": "ablation", "over": "replication"}}},
            "figures.response.over",
            "'replication'",
            "momentum, weight_decay",
        ),
        ({"tables": {"pie": {"study": "ablation"}}}, "tables", "'pie'", "main, ablation"),
        ({"tables": {"mine": {"kind": "pie", "study": "scale"}}}, "tables.mine.kind", "'pie'", "main, ablation"),
        ({"tables": {"main": {"study": "x"}}}, "tables.main.study", "'x'", "ablation"),
        ({"tables": {"main": {"inits": ["other"]}}}, "tables.main.inits", "'other'", "adversarial"),
        ({"claims": {"study": "x"}}, "claims.study", "'x'", "ablation"),
        ({"studies": {"scale": None}, "claims": {"control": "scale"}}, "claims.control", "'scale'", "ablation"),
        ({"diagnostics": ["x"]}, "diagnostics", "'x'", "distance, norms"),
        ({"training": {"milestones": [400]}}, "training.milestones", "[400]", "350"),
        ({"training": {"milestones": [3, 2]}}, "training.milestones", "[3, 2]", "increasing"),
        (
            {"datasets": {"cifar10": {"augmentation": {"padding": 32}}}},
            "datasets.cifar10.augmentation.padding",
            "32",
            "less than 32",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line_with_key_value_and_what_is_allowed(change, key, found, allowed):
    with pytest.raises(UserError) as error:
        load_config(overlay(raw_config(), change))
    message = str(error.value)
    assert message.startswith(f"{key}: found ")
    assert found in message.split(";")[0]
    assert allowed in message.split(";")[1]
    assert all(line.startswith(f"{key}: found ") for line in message.splitlines())


LIST = "a list that is not empty, each value once"


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("trace.flip_probability", 1.5, ": found 1.5; allowed: a number > 0 and < 1"),
        ("trace.products", 10, ": found 10; allowed: a whole number >= 6 and <= 99999 and a multiple of 3"),
        ("sharpness.products", 0, ": found 0; allowed: a whole number >= 6 and <= 99999 and a multiple of 3"),
        ("sharpness.rho", -1, ": found -1; allowed: a number > 0 and <= 1000000.0"),
        ("sharpness.rho", True, ": found True; allowed: a number > 0 and <= 1000000.0"),
        ("sharpness.draws", "many", ": found 'many'; allowed: a whole number >= 1 and <= 10000"),
        ("sharpness.images", 0, ": found 0; allowed: a whole number >= 1"),
        ("robustness.pgd_l2", [-3], ".0: found -3; allowed: a number > 0 and <= 1000000.0"),
        ("robustness.pgd_l2", [True], ".0: found True; allowed: a number > 0 and <= 1000000.0"),
        ("robustness.pgd_l2", 3, f": found 3; allowed: {LIST}"),
        ("robustness.fgsm", [], f": found []; allowed: {LIST}"),
        ("robustness.fgsm", [2, 2.0], f": found [2, 2.0]; allowed: {LIST}"),
        ("robustness.fgsm", [256], ".0: found 256; allowed: a number > 0 and <= 255"),
        ("robustness.zeroing", [1.1], ".0: found 1.1; allowed: a number > 0 and <= 1"),
        ("robustness.gaussian", [0.1, "1e-1"], f": found [0.1, 0.1]; allowed: {LIST}"),
        ("robustness.gaussian", [0.1, 0.1000000001], f": found [0.1, 0.1000000001]; allowed: {LIST}"),
        ("robustness.gaussian", [math.nan], ".0: found nan; allowed: a number > 0 and <= 1000000.0"),
        ("sharpness.rho", math.nan, ": found nan; allowed: a number > 0 and <= 1000000.0"),
        ("sharpness.rho_adaptive", math.inf, ": found inf; allowed: a number > 0 and <= 1000000.0"),
        ("sharpness.eigenvalues", 1_000_000_000, ": found 1000000000; allowed: a whole number >= 1 and <= 100"),
        ("robustness.shift", [1.5], ".0: found 1.5; allowed: a whole number >= 1 and <= 2047"),
        ("robustness.shift", [32], ": found [32]; expected less than 32, the side of the images of cifar10 in pixels"),
        ("trace.rho", 1, ": found an unknown key; allowed: images, products, flip_probability, draws"),
        ("units.images", 5, ": found an unknown key; allowed: none"),
        ("functions.points", 1, ": found 1; allowed: a whole number >= 3 and <= 1001 and odd"),
        ("functions.points", 10, ": found 10; allowed: a whole number >= 3 and <= 1001 and odd"),
        ("privacy.resamples", 20, ": found 20; allowed: a whole number >= 100 and <= 1000000"),
        ("landscape.path", 1, ": found 1; allowed: a whole number >= 2 and <= 1001"),
        ("landscape.margin", -0.1, ": found -0.1; allowed: a number >= 0 and <= 100"),
        (
            "landscape.recipes",
            ["no_such_recipe"],
            ": found 'no_such_recipe'; allowed: vanilla, da, m, l2, da+m, da+l2, m+l2, da+m+l2",
        ),
    ],
)
def test_a_wrong_option_of_a_measurement_is_told_before_anything_runs(option, value, told):
    family, _, name = option.partition(".")
    with pytest.raises(UserError) as error:
        load_config(overlay(raw_config(), {"measuring": {"options": {family: {name: value}}}}))
    assert str(error.value) == f"measuring.options.{option}{told}"


@pytest.mark.parametrize(
    ("section", "entry", "option", "value", "told"),
    [
        ("datasets", "cinic10", "train_parts", [], f": found []; allowed: {LIST}"),
        ("datasets", "cinic10", "train_parts", ["valid", "valid"], f": found ['valid', 'valid']; allowed: {LIST}"),
        ("datasets", "restricted_imagenet", "side", 7, ": found 7; allowed: a whole number >= 8 and <= 2048"),
        ("datasets", "cifar10", "side", 64, ": found an unknown key; allowed: none"),
        ("models", "vgg16", "stem", "small", ": found an unknown key; allowed: norm, initialization"),
        ("models", "vgg16", "norm", "layer", ": found 'layer'; allowed: batch, group, none"),
        ("models", "resnet18", "stem", 3, ": found 3; allowed: small, imagenet"),
    ],
)
def test_a_wrong_option_of_a_source_or_model_is_told_before_anything_runs(section, entry, option, value, told):
    with pytest.raises(UserError) as error:
        load_config(overlay(raw_config(), {section: {entry: {"options": {option: value}}}}))
    assert str(error.value) == f"{section}.{entry}.options.{option}{told}"


EVERY_OPTION = [
    pytest.param(entry.options, name, id=f"{extension}.{name}")
    for registry, _ in REGISTRIES
    for extension, entry in registry.entries.items()
    for name in entry.options.model_fields
]


@pytest.mark.parametrize(("section", "name"), EVERY_OPTION)
def test_no_option_takes_a_number_that_cannot_be_meant(section, name):
    default = section().model_dump()[name]
    # Of images there may be as many as there are.
    numbers = [math.nan, math.inf, -math.inf, -1, *([] if name == "images" else [10**12])]
    numbers += [] if isinstance(default, bool) else [True]
    for number in numbers:
        with pytest.raises(ValidationError):
            section.model_validate({name: [number] if isinstance(default, list) else number})
    if isinstance(default, list) and name != "widths":  # a network may have layers of one width
        with pytest.raises(ValidationError):
            section.model_validate({name: [default[0], default[0]]})


def test_options_are_kept_as_they_are_written():
    # They are part of settings, so of rerun triggers: no default may enter them, and 1 may not become 1.0.
    options = {"robustness": {"pgd_l2": [1], "fgsm": [2.5]}, "sharpness": {"rho": 0.05}}
    assert load_config(overlay(raw_config(), {"measuring": {"options": options}})).measuring.options == options


@pytest.mark.parametrize("registry", [registry for registry, _ in REGISTRIES], ids=lambda registry: registry.family)
def test_every_option_has_a_default_and_a_meaning(registry):
    for entry in registry.entries.values():
        entry.options()
        assert all(field.description for field in entry.options.model_fields.values())


@pytest.mark.parametrize(("path", "text"), [(SCHEMA, schema_text), (REFERENCE, reference_text)])
def test_the_committed_schema_and_reference_are_what_the_model_generates(path, text):
    assert (REPOSITORY / path).read_text() == text(), "run `make schema`"


def test_the_schema_forbids_unknown_keys_everywhere():
    schema = json.loads(schema_text())
    assert all(node["additionalProperties"] is False for node in [schema, *schema["$defs"].values()])


def test_every_key_that_the_schema_requires_stands_in_the_paper_config():
    assert set(Config.model_json_schema()["required"]) <= set(raw_config())


def test_config_and_runs_import_neither_torch_nor_numpy():
    code = (
        "import sys, badminima.config.load, badminima.experiment.slices; print({'torch', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"training": {"milestones": []}}, []),
        ({"training": {"milestones": [349]}}, []),
        ({"training": {"milestones": [350], "decay": "cosine_per_step"}}, []),
        ({"training": {"milestones": [350]}}, ["training.milestones: the last epoch is one, so it is never reached"]),
        (
            {"pretraining": {"epochs": 250}},
            ["pretraining.milestones: the last epoch is one, so it is never reached"],
        ),
        (
            {"recipes": {"one": {"epochs": 1}}, "studies": {"scale": {"recipes": ["vanilla", "one"]}}},
            ["recipes.one.epochs: a milestone, scaled to 1 epochs, is the last, so never reached"],
        ),
        (
            {
                "recipes": {"one": {"epochs": 1, "schedule": "cosine"}, "unused": {"epochs": 1}},
                "studies": {"scale": {"recipes": ["vanilla", "one"]}},
            },
            [],
        ),
    ],
)
def test_a_milestone_that_is_never_reached_is_said_in_a_line(change, said):
    lines: list[str] = []
    load_config(overlay(raw_config(), change), lines.append)
    assert lines == said


@pytest.mark.parametrize(
    "repeated",
    [
        {"recipes": {"da+m+l2": {"extends": ["da", "m", "l2"]}, "da": {"augmentation": True}}},
        {"inits": {"true_labels": {"label_fraction": 0}}, "datasets": {"digits": {}}, "models": {"mlp": {}}},
        {"studies": {"strength_m": {"along": []}, "ablation": {"only": {"true_labels": ["vanilla", "da+m+l2"]}}}},
        {"figures": {"schedule": {"study": "schedule"}, "escape": {}}, "tables": {"ablation": {}}},
    ],
    ids=lambda repeated: ", ".join(repeated),
)
def test_an_overlay_that_repeats_entries_moves_none(repeated):
    # Snakemake reads the files that a command names first: their entries come before those of config.yaml.
    named = [yaml.safe_load((REPOSITORY / "presets" / f"{name}.yaml").read_text()) for name in CONTROLS]
    plain, more = (functools.reduce(overlay, [{}, *files]) for files in (named, [repeated, *named, repeated]))
    plain, more = (load_config(overlay(overlay(files, raw_config()), files)) for files in (plain, more))
    # Settings and commands are made from the config alone.
    assert more.model_dump_json() == plain.model_dump_json()


def test_the_order_of_the_diagnostics_changes_no_settings():
    plain = with_presets("demo")
    turned = plain.model_copy(update={"diagnostics": plain.diagnostics[::-1]})
    assert diagnose_settings(turned, all_runs(plain)[0]) == diagnose_settings(plain, all_runs(plain)[0])

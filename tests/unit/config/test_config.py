"""The configuration: what it accepts, and what presets and overlays make of it."""

import functools
import json
from dataclasses import replace

import pytest
import yaml

from badminima.config.load import check_files, load_config, scalar_of
from badminima.config.schema import REFERENCE, SCHEMA, reference_text, schema_text
from badminima.data.confusing import zeroed_values
from badminima.errors import UserError
from badminima.experiment.runs import Run, all_runs
from badminima.experiment.settings import DiagnoseSettings, TrainSettings
from badminima.training.optimizer import rate_of_step
from tests.configs import overlay, raw_config, with_presets
from tests.conftest import REPOSITORY

CONTROLS = ("demo", "overlays/controls")
PRESETS = sorted((REPOSITORY / "presets").glob("*.yaml"))


@pytest.mark.parametrize(
    ("names", "folder"),
    [
        *((preset.stem, preset.stem) for preset in PRESETS),
        ("demo overlays/controls overlays/demo_controls", "demo_controls"),
        ("demo overlays/demo_seed_parts", "demo_seed_parts"),
        ("demo overlays/fitted", "fitted"),
        ("fashion overlays/fashion_gpu", "fashion_gpu"),
    ],
)
def test_every_preset_and_overlay_is_valid_and_has_a_results_folder_of_its_own(names, folder):
    assert with_presets(*names.split()).results == f"results/{folder}"


@pytest.mark.parametrize("base", [preset.stem for preset in PRESETS])
def test_controls_go_on_top_of_any_preset_run_on_its_grid_and_take_its_strengths(base):
    plain, more = with_presets(base), with_presets(base, "overlays/controls")
    added = more.studies.keys() - plain.studies.keys()
    assert {"replication", "strength_l2", "escape"} <= added
    grids = {(tuple(study.datasets), tuple(study.models), tuple(study.seeds)) for study in map(more.studies.get, added)}
    assert grids == {(tuple(plain.grid.datasets), tuple(plain.grid.models), tuple(plain.grid.seeds))}
    assert more.recipes["l2_x3"].weight_decay == pytest.approx(3 * plain.recipes["l2"].weight_decay)
    for run in all_runs(plain):  # some are measured along the way, too
        assert TrainSettings.of(more, run).model_copy(update={"along": None}) == TrainSettings.of(plain, run)


def test_filter_landscapes_go_on_top_of_a_preset_and_train_nothing_anew():
    plain, more = with_presets("demo"), with_presets("demo", "overlays/filter_landscape")
    runs = all_runs(plain)
    assert all_runs(more) == runs
    assert TrainSettings.of(more, runs[0]) == TrainSettings.of(plain, runs[0])
    old, new = (DiagnoseSettings.of(config, runs[0]).measurements for config in (plain, more))
    assert new == [*old, "filter_landscape"]


def test_label_noise_as_published_has_the_settings_of_the_published_code():
    config = with_presets("overlays/label_noise_published")
    run = Run("cifar10", "resnet18", "adversarial_end", "label_noise", 0)
    settings, whole = TrainSettings.of(config, run), TrainSettings.of(config, replace(run, recipe="full_batch"))
    # data.py, module.py and train.py of that code, with their defaults.
    assert settings.model.options == {"norm": "group"}  # Kaiming normal by outputs, as torchvision draws it
    phase = settings.optimization
    assert (phase.batch_size, phase.learning_rate, phase.epochs, phase.drop_last) == (256, 1.0, 1000, True)
    assert settings.recipe.model_dump(exclude_defaults=True) == {"label_noise": 0.2}
    for of_phase, recipe, last in ((phase, settings.recipe, 194_999), (whole.optimization, whole.recipe, 999)):
        steps = (0, last // 20, last // 20 + 1, last)
        rates = [rate_of_step(of_phase, recipe, step, 195) for step in steps]
        assert rates == pytest.approx([0, 1, 1, 0], abs=1e-5)
    adversarial = config.inits["adversarial"]
    assert zeroed_values((3, 32, 32), adversarial.noise, adversarial.zeroing) == 3 * (32 * 32 // 10)


@pytest.mark.parametrize("text", ["1e-6", "1e16", "5e-4", "+3", "-0.5", "1E5", ".5", "7."])
def test_what_looks_like_a_number_is_one(text):
    assert scalar_of(text) == float(text)


@pytest.mark.parametrize("text", ["1_000", "017", "1:30", "on", "0x10", "2026-01-01", "1e", "-", "", "do: all: that"])
def test_what_is_a_number_or_a_mapping_to_yaml_alone_stays_text(text):
    assert scalar_of(text) == text


def test_a_number_is_text_where_text_is_wanted():
    config = load_config(overlay(raw_config(), {"studies": {"scale": {"question": "42"}}, "data": {"download_dir": 7}}))
    assert config.studies["scale"].question == "42"
    assert config.data.download_dir == "7"


def test_numbers_and_truth_values_may_arrive_as_text():
    raw = overlay(raw_config(), {"training": {"epochs": "300"}, "recipes": {"da": {"augmentation": "true"}}})
    config = load_config(
        overlay(raw, {"studies": {"ablation": {"seeds": ["0", "1"]}, "scale": "null"}, "claims": {"control": "null"}})
    )
    assert config.training.epochs == 300
    assert config.recipes["da"].augmentation is True
    assert config.studies["ablation"].seeds == [0, 1]
    assert set(config.studies) == {"ablation"}


def test_studies_run_on_the_grid_unless_they_say_otherwise():
    grid = {"datasets": ["cifar100"], "models": ["vgg16"], "seeds": [7]}
    config = load_config(overlay(raw_config(), {"grid": grid, "studies": {"scale": {"seeds": [1, 2]}}}))
    ablation, scale = config.studies["ablation"], config.studies["scale"]
    assert (ablation.datasets, ablation.models, ablation.seeds) == (["cifar100"], ["vgg16"], [7])
    assert (scale.datasets, scale.seeds) == (["cifar100"], [1, 2])


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


def test_options_are_kept_as_they_are_written():
    # They are part of settings, so of rerun triggers: no default may enter them, and 1 may not become 1.0.
    options = {"robustness": {"pgd_l2": [1], "fgsm": [2.5]}, "sharpness": {"rho": 0.05}}
    assert load_config(overlay(raw_config(), {"measuring": {"options": options}})).measuring.options == options


@pytest.mark.parametrize(("path", "text"), [(SCHEMA, schema_text), (REFERENCE, reference_text)])
def test_the_committed_schema_and_reference_are_what_the_model_generates(path, text):
    assert (REPOSITORY / path).read_text() == text(), "run `make schema`"


def test_an_overlay_that_repeats_entries_moves_none():
    repeated = {
        "recipes": {"da+m+l2": {"extends": ["da", "m", "l2"]}, "da": {"augmentation": True}},
        **{"inits": {"true_labels": {"label_fraction": 0}}, "datasets": {"digits": {}}, "models": {"mlp": {}}},
        "studies": {"strength_m": {"along": []}, "ablation": {"only": {"true_labels": ["vanilla", "da+m+l2"]}}},
        **{"figures": {"schedule": {"study": "schedule"}, "escape": {}}, "tables": {"ablation": {}}},
    }
    # Snakemake reads the files that a command names first: their entries come before those of config.yaml.
    named = [yaml.safe_load((REPOSITORY / "presets" / f"{name}.yaml").read_text()) for name in CONTROLS]
    plain, more = (functools.reduce(overlay, [{}, *files]) for files in (named, [repeated, *named, repeated]))
    plain, more = (load_config(overlay(overlay(files, raw_config()), files)) for files in (plain, more))
    # Settings and commands are made from the config alone.
    assert more.model_dump_json() == plain.model_dump_json()


def test_the_order_of_the_diagnostics_changes_no_settings():
    plain = with_presets("demo")
    turned = plain.model_copy(update={"diagnostics": plain.diagnostics[::-1]})
    assert DiagnoseSettings.of(turned, all_runs(plain)[0]) == DiagnoseSettings.of(plain, all_runs(plain)[0])


def test_shipped_configs_and_quoted_text_are_accepted(tmp_path):
    quoted = {"a": "017", "b": "1:30", "on": "2026-01-01", "c": [0, 10, 0.5]}
    (tmp_path / "quoted.yaml").write_text(yaml.safe_dump(quoted))
    (tmp_path / "config.json").write_text(json.dumps(quoted))
    check_files([*tmp_path.iterdir(), REPOSITORY / "config.yaml", *(REPOSITORY / "presets").rglob("*.yaml")])


def test_a_figure_a_table_and_the_zoo_leave_out_what_their_study_has_no_more():
    without = {
        "recipes": {"da+m+l2": None},
        "studies": {"ablation": {"recipes": ["vanilla", "da"], "only": {"random_rescaled": None, "true_labels": None}}},
        "zoo": {"recipes": ["vanilla", "l2"], "inits": ["adversarial"]},
    }
    said: list[str] = []
    config = load_config(overlay(raw_config(), without), said.append)
    assert config.figures["curves"].recipes == config.tables["main"].recipes == config.zoo.recipes == ["vanilla"]
    assert {line.split(":")[0] for line in said} == {
        *("figures.curves.recipes", "figures.robustness.recipes", "tables.main.recipes", "zoo.recipes")
    }


@pytest.mark.parametrize("recipes", [["da+m+l2"], ["vanilla", "vanila"]])
def test_a_figure_of_which_nothing_is_left_and_a_misspelt_name_are_refused(recipes):
    change = {"studies": {"ablation": {"recipes": ["vanilla"], "only": {"random_rescaled": None, "true_labels": None}}}}
    with pytest.raises(UserError, match=r"figures\.curves\.recipes: found"):
        load_config(overlay(raw_config(), {**change, "figures": {"curves": {"recipes": recipes}}}))

"""A user's mistakes: each is one line that begins with the key and ends with a remedy."""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from badminima.config.load import check_files, load_config
from badminima.errors import UserError
from tests.configs import overlay, raw_config

RAW = raw_config()
NAMED = ("datasets", "models", "inits", "recipes", "studies", "figures", "tables")


def at(path: str, value) -> dict:
    """Return a config that has this value at a dotted path."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def told(change: dict) -> list[str]:
    """Return the lines that refuse a config, none where it is valid."""
    try:
        load_config(overlay(RAW, change))
    except UserError as error:
        return str(error).splitlines()
    return []


ADVERSARIAL = {"kind": "adversarial", "replication": 1, "noise": 0}
# Where a value is put, the value, and what would be right; then the key at fault, where it is another one.
MISTAKES = [
    # Keys, types and bounds.
    ("sede", 1, "did you mean seed?"),
    ("recipes.da.momentu", 1, "did you mean momentum?"),
    ("grid.recipes", ["m"], "allowed: datasets, models, seeds"),
    ("seed", -1, "a whole number >= 0"),
    ("device", "tpu", "auto, cpu, cuda"),
    ("results", "-r", "text that matches"),
    ("recipes", [1], "a mapping"),
    ("recipes.da.momentum", 1.0, "a number >= 0 and < 1"),
    ("recipes.da.augmentation", 1, "true or false"),
    ("inits.odd", {"kind": "other"}, "one of adversarial, random, rescaled, run"),
    ("inits.odd", {"kind": "adversarial", "noise": 0}, "required", "inits.odd.replication"),
    ("datasets.cifar10.path", "", "text"),
    ("data.urls.cifar10", ["https://me:secret@x"], "https?", "data.urls.cifar10.0"),
    ("grid.seeds", 3, "a list"),
    ("studies.scale.seeds", [2**63], "a whole number", "studies.scale.seeds.0"),
    ("diagnostics", [], "not empty"),
    # Names that code, or another entry, must have.
    ("datasets.mine", {"source": "mnist"}, "allowed: digits", "datasets.mine.source"),
    ("data.local_dirs", {"mnist": "x"}, "allowed: digits"),
    ("models.big", {"architecture": "vit"}, "resnet18", "models.big.architecture"),
    ("diagnostics", ["x"], "distance, norms"),
    ("figures.far", {"kind": "distances", "study": "scale"}, "did you mean distance?", "figures.far.kind"),
    ("tables.pie", {"study": "ablation"}, "main, ablation", "tables"),
    ("grid.datasets", ["mnist"], "cifar10"),
    ("studies.ablation.recipes", ["vanila"], "did you mean vanilla?"),
    ("studies.ablation.along", ["landscape"], "sharpness"),
    ("studies.ablation.only", {"randm": ["m"]}, "did you mean random?"),
    ("studies.ablation.only.random", ["x"], "vanilla"),
    ("studies.scale.only.random", ["m"], "some of vanilla"),
    ("figures.curves.study", "x", "ablation"),
    ("tables.main.inits", ["other"], "adversarial"),
    ("zoo.seeds", [9], "allowed: 0, 1, 2, 3, 4"),
    ("claims.study", "x", "ablation"),
    ("inits.odd", {"kind": "rescaled", "like": "x"}, "random, adversarial", "inits.odd.like"),
    ("inits.end", {"kind": "run", "start": "random", "recipe": "x"}, "vanilla", "inits.end.recipe"),
    ("inits", {"big": {"kind": "random"}, "adversarial": {"start": "big"}}, "has random", "inits.adversarial.start"),
    ("inits.odd", {**ADVERSARIAL, "epochs_like": "true_labels"}, "allowed: adversarial", "inits.odd.epochs_like"),
    # Values given twice, in circles, or that exclude each other.
    ("grid.seeds", [0, 0], "once"),
    ("studies.ablation.seeds", [0, 1, 0], "once"),
    ("studies.ablation.inits", ["random", "random"], "once"),
    ("inits.a", {"kind": "run", "start": "a", "recipe": "da"}, "init of another kind", "inits.a.start"),
    ("recipes.both", {"mixup": 1.0, "cutmix": 1.0}, "one of the two"),
    ("recipes.odd", {"optimizer": "adam", "momentum": 0.9}, "expected 0", "recipes.odd.momentum"),
    ("recipes.odd", {"optimizer": "adamw", "weight_decay_of": "hidden"}, "all", "recipes.odd.weight_decay_of"),
    ("training.milestones", [400], "up to epochs = 350"),
    ("training.milestones", [3, 2], "increasing"),
    ("statistics", {"confidence": 0.999}, "at least 50000", "statistics.resamples"),
    ("toy", {"points": 7}, "divisor of the 14", "toy.batch_size"),
    ("toy.animated", ["x"], "vanilla"),
    ("datasets.cifar10.augmentation.padding", 32, "less than 32"),
    # Names with a meaning.
    ("recipes.vanilla", {"momentum": 0.9}, "exactly these"),
    ("recipes.da", {"augmentation": False}, "exactly these"),
    ("recipes.label_noise", {"label_noise": 0.2, "batch_size": 9}, "choose another name"),
    ("recipes.label_noise_x3", {"label_noise": 0.2}, "'learning_rate_scale': 3.0"),
    ("recipes.label_noise+m", {"label_noise": 0.2, "momentum": 0.5}, "'momentum': 0.9"),
    (
        "recipes.label_noise_x4_batch_x4",
        {"label_noise": 0.2, "learning_rate_scale": 4, "batch_size": 128},
        "'batch_size': 512",
    ),
    ("recipes.full_batch", {}, "true", "recipes.full_batch.full_batch"),
    ("inits.random.gain", 4, "has 1.0"),
    ("inits.adversarial.confusing_seed", 3, "has null"),
    ("inits.true_labels.label_fraction", 0.5, "has 0.0"),
    # Options, and what is asked of images.
    ("models.vgg16.options.stem", "small", "allowed: norm, initialization"),
    ("models.m", {"architecture": "mlp", "options": {"widths": [0]}}, ">= 1", "models.m.options.widths.0"),
    ("measuring.options.trace.products", 10, "a whole number >= 6 and <= 99999 and a multiple of 3"),
    ("measuring.options.sharpness.rho", True, "a number > 0 and <= 1000000.0"),
    ("measuring.options.robustness.gaussian", [0.1, "1e-1"], "each value once"),
    ("measuring.options.functions.points", 10, "a whole number >= 3 and <= 1001 and odd"),
    ("measuring.options.landscape.recipes", ["none"], "allowed: vanilla"),
    ("datasets.d", {"source": "digits", "path": "x", "train_size": 9}, "null", "datasets.d.path"),
    ("datasets.d", {"source": "digits", "train_size": 1500, "validation_size": 300}, "it has 1,797 training images"),
    ("datasets.d", {"source": "digits"}, "how many of its 1,797 images", "datasets.d.train_size"),
    ("datasets.d", {"source": "digits", "train_size": 1497, "validation_size": 300}, "leave some to test on"),
    ("datasets.d", {"source": "cifar10", "path": "x", "train_size": 50_001}, "50,000 training images"),
    ("datasets.d", {"source": "cifar10", "validation_size": 50_000}, "less", "datasets.d.validation_size"),
    ("datasets.d", {"source": "cifar10", "test_size": 10_001}, "at most 10,000", "datasets.d.test_size"),
    ("datasets.d", {"source": "cifar10", "evaluate_on": "validation"}, "validation_size", "datasets.d.evaluate_on"),
    # What figures and tables need.
    ("diagnostics", ["norms"], "figures.distance needs distance among them"),
    ("figures.label_noise", {"study": "scale"}, "figures.label_noise needs trace", "studies.scale.along"),
    ("figures.measures.inits", ["random"], "all of its study", "figures.measures"),
    ("figures.ablation.over", "gain", "not drawn over a setting"),
    ("figures.response", {"study": "ablation"}, "two of its inits or recipes differ in", "figures.response.over"),
    ("figures.response", {"study": "ablation", "over": "replication"}, "differ in", "figures.response.over"),
    ("tables.seed_parts", {"study": "scale"}, "one for each pair", "tables.seed_parts.inits"),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: f"{mistake[0]}={mistake[1]}"[:60])
def test_a_mistake_is_told_in_one_line_with_its_key_and_a_remedy(mistake):
    path, value, remedy, *key = mistake
    lines = told(at(path, value))
    assert lines
    assert {line.partition(": found ")[0] for line in lines} == {*(key or [path])}
    assert any(remedy in line.partition("; ")[2] for line in lines)


def test_all_mistakes_are_told_at_once():
    lines = told({"sede": 1, "training": {"epohcs": 3}, "recipes": {"m": {"x": 2}}})
    assert {line.split(":")[0] for line in lines} == {"sede", "training.epohcs", "recipes.m.x"}
    wrong = {"models": {"big": {"architecture": "vit"}}, "datasets": {"mine": {"source": "mnist"}}}
    assert len(told({**wrong, "studies": {"ablation": {"recipes": ["vanila"]}}})) == 3


def test_a_study_without_any_seeds_says_where_they_may_stand():
    raw = copy.deepcopy(RAW)
    del raw["grid"]["seeds"]
    with pytest.raises(UserError, match=r"studies\.ablation\.seeds: found nothing; .* in grid\.seeds"):
        load_config(raw)


@pytest.mark.parametrize(
    "dataset",
    [
        {"source": "image_folder", "path": "photos", "train_size": 10**6},
        {"source": "cinic10", "path": "cinic", "train_size": 90_001},
        {"source": "cinic10", "options": {"train_parts": ["train", "valid"]}, "train_size": 90_001},
        {"source": "digits", "train_size": 1497, "validation_size": 300, "evaluate_on": "validation"},
    ],
)
def test_where_sizes_are_unknown_or_fit_nothing_is_refused(dataset):
    assert not told({"datasets": {"mine": dataset}})


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        *((name, "choose another name") for name in ("12", "1e5", "nan", "null", "yes", "2026-01-01")),
        *((name, "lower-case letters") for name in ("-x", "a/b", "a b", "{x}", "é", "", "A", "x" * 101)),
    ],
)
def test_a_name_that_some_tool_takes_for_something_else_is_refused_in_every_section(name, remedy):
    lines = told({section: {name: next(iter(RAW[section].values()))} for section in NAMED})
    assert [line.partition(".")[0] for line in lines] == list(NAMED)
    assert all(remedy in line for line in lines)


@pytest.mark.parametrize("name", ["3layers", "a.b", "1e", "seed0", "non", "sam+"])
def test_any_other_plain_name_is_taken(name):
    assert not told({"recipes": {name: {"dropout": 0.5}}})


@pytest.mark.parametrize(
    ("content", "where", "found"),
    [
        ("seed: 1\nseed: 2\n", ", line 2", "key 'seed' a second time"),
        ("recipes: {da: {}, da: {}}", ", line 1", "key 'da' a second time"),
        ("a: [\n", ", line 2", ""),
        ("a: 2026-13-45", "", ""),
        ("", "", "at the top level"),
        ("[1]", "", "at the top level"),
    ],
)
def test_a_file_that_is_no_mapping_or_reads_otherwise_than_it_looks_is_refused(tmp_path, content, where, found):
    path = tmp_path / "overlay.yaml"
    path.write_text(content)
    with pytest.raises(UserError) as error:
        check_files([path])
    assert str(error.value).startswith(f"{path}{where}: found ")
    assert found in str(error.value)
    assert "\n" not in str(error.value)


def places(value, path=()):
    """Return the path of everything in plain data."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


VALUES = [None, True, -1, 0.5, 10**30, "", "{x}", "1e-6", "\x00", "-x", "é" * 300, [], [0, 0], ["x"], {}, {"x": 1}]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    place=st.sampled_from(places(RAW)[1:]),
    value=st.sampled_from(VALUES),
    change=st.sampled_from(["replace", "remove", "rename"]),
)
def test_a_changed_config_is_valid_or_told_in_lines(place, value, change):
    raw = copy.deepcopy(RAW)
    *above, last = place
    inner = raw
    for key in above:
        inner = inner[key]
    if change == "replace":
        inner[last] = value
    elif change == "remove" or isinstance(inner, list):
        del inner[last]
    else:
        inner[f"{last}s"] = inner.pop(last)
    lines = []
    try:
        load_config(raw)
    except UserError as error:
        lines = str(error).splitlines()
    assert all(": found " in line and "; " in line for line in lines)

"""Whatever a config holds, it is valid or told in lines that name a key; numbers stay what they were."""

import copy
import json

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from badminima.config.load import load_config
from badminima.config.plain import check_files, parse_plain, scalar_of
from badminima.errors import UserError
from tests.configs import overlay, raw_config

RAW = raw_config()
TEXTS = ["1e-6", "{x}", "{", "$(touch x)", "42", "", "on", "017", "1:30", "2026-13-45", "a" * 300, "\x00", "é", "-x"]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**5000),
    st.floats(),
    st.sampled_from(TEXTS),
    st.text(max_size=8),
    st.dates(),
    st.lists(st.integers() | st.sampled_from(TEXTS), max_size=3),
    st.dictionaries(st.text(max_size=4) | st.integers() | st.booleans(), st.integers(), max_size=2),
)


def places(value, path=()):
    """Return the path of everything in plain data."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


PLACES = places(RAW)[1:]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.sampled_from(PLACES), value=VALUES, change=st.sampled_from(["replace", "add", "remove", "rename"]))
def test_a_changed_config_is_valid_or_told_in_lines(place, value, change):
    raw = copy.deepcopy(RAW)
    *above, last = place
    inner = raw
    for key in above:
        inner = inner[key]
    if change == "replace":
        inner[last] = value
    elif change == "remove":
        del inner[last]
    elif isinstance(inner, list):
        inner.append(value)
    elif change == "add":
        inner[value if isinstance(value, str | int | bool) else "added"] = value
    else:
        inner[f"{last}s"] = inner.pop(last)
    told = ""
    try:
        load_config(raw)
    except UserError as error:
        told = str(error)
    assert all(": found " in line and "; " in line for line in told.splitlines())


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_the_same_after_json_and_as_text(number):
    assert parse_plain(json.dumps({"number": number})) == {"number": number}
    assert scalar_of(repr(number)) == number


@pytest.mark.parametrize("text", ["1e-6", "1e16", "5e-4", "+3", "-0.5", "1E5", ".5", "7."])
def test_what_looks_like_a_number_is_one(text):
    assert scalar_of(text) == float(text)


@pytest.mark.parametrize("text", ["1_000", "017", "1:30", "on", "yes", "0x10", "9" * 5000, "2026-01-01", "1e", "-", ""])
def test_what_is_a_number_to_yaml_alone_stays_text(text):
    assert scalar_of(text) == text


def test_a_text_of_digits_is_text_where_text_is_wanted():
    config = load_config(overlay(RAW, {"studies": {"scale": {"question": "42"}}}))
    assert config.studies["scale"].question == "42"


def test_a_config_that_holds_itself_or_stands_for_millions_of_values_is_refused():
    endless: dict = {"source": "digits"}
    endless["options"] = endless
    with pytest.raises(UserError, match="does not hold itself"):
        load_config(overlay(RAW, {}) | {"datasets": {"d": endless}})
    bomb: list = ["x"]
    for _ in range(9):
        bomb = [bomb] * 9
    with pytest.raises(UserError, match="aliases"):
        load_config({**RAW, "diagnostics": bomb})


def test_all_mistakes_are_told_with_what_may_have_been_meant():
    change = {"sede": 1, "training": {"epohcs": 3}, "recipes": {"da": {"momentum": 2}}}
    with pytest.raises(UserError) as error:
        load_config(overlay(RAW, change))
    told = {line.split(":")[0]: line for line in str(error.value).splitlines()}
    assert set(told) == {"sede", "training.epohcs", "recipes.da.momentum"}
    assert "did you mean seed?" in told["sede"]
    assert "did you mean epochs?" in told["training.epohcs"]
    dangling = {"studies": {"ablation": {"recipes": ["vanila"]}, "scale": {"models": ["resnet81"]}}}
    with pytest.raises(UserError) as error:
        load_config(overlay(RAW, dangling))
    first, second = str(error.value).splitlines()
    assert "'vanila'; did you mean vanilla?" in first
    assert "'resnet81'; did you mean resnet18?" in second


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("seed: 1\nseed: 2\n", "line 2: found key 'seed' a second time"),
        ("recipes: {da: {}, da: {}}", "line 1: found key 'da' a second time"),
        ("figures: {on: {study: x}}", "line 1: found key on, which YAML reads as true"),
        ("seed: 017", "a number with a leading zero"),
        ("seed: 1:30", "a number to the base 60"),
        ("seed: 2026-13-45", "a date"),
        ("seed: " + "9" * 5000, "a number of over 100 digits"),
        ("? [a]\n: 1", "a key that is a list"),
    ],
)
def test_what_yaml_reads_otherwise_than_it_looks_is_refused(tmp_path, text, found):
    (tmp_path / "overlay.yaml").write_text(text)
    with pytest.raises(UserError, match=r"overlay\.yaml, line") as error:
        check_files([tmp_path / "overlay.yaml"])
    assert found in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"a: [\n", ", line 2: found no YAML: "),
        (b"a: 1\n b: 2\n", ", line 2: found no YAML: "),
        (b"\xc0\x01", ": found bytes that are no text"),
        (b"", ": found nothing at the top level"),
        (b"- a", ": found a list at the top level"),
        (b"[1]", ": found a list at the top level"),
        (b"a: \x00", ": found "),
    ],
)
def test_a_file_that_is_no_mapping_is_refused_by_name(tmp_path, content, found):
    path = tmp_path / "overlay.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        check_files([path])
    assert str(error.value).startswith(f"{path}{found}")
    assert "\n" not in str(error.value)


def test_shipped_configs_and_quoted_text_are_accepted(tmp_path):
    quoted = {"a": "017", "b": "1:30", "on": "2026-01-01", "c": [0, 10, 0.5]}
    (tmp_path / "quoted.yaml").write_text(yaml.safe_dump(quoted))
    (tmp_path / "config.json").write_text(json.dumps(quoted))
    check_files(sorted(tmp_path.iterdir()))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ab" * 20, "repeats 'ab' 20 times"),
        ("x" + "1y" * 60, "too long"),
        *(
            (name, "reads as a number, date")
            for name in ("12", "1e5", "1.5", "nan", "inf", "null", "yes", "2026-01-01")
        ),
        *((name, "an unfit name") for name in ("-x", "a/b", "a b", "$(x)", "{x}", "é", "", "a\nb", ".", "A")),
    ],
)
def test_a_name_that_some_tool_takes_for_something_else_is_refused_in_every_section(name, told):
    sections = ("datasets", "models", "inits", "recipes", "studies", "figures", "tables")
    entries = {section: {name: next(iter(RAW[section].values()))} for section in sections}
    with pytest.raises(UserError) as error:
        load_config(overlay(RAW, entries))
    lines = str(error.value).splitlines()
    assert len(lines) == len(sections)
    assert all(line.startswith(section) and told in line for line, section in zip(lines, sections, strict=True))


@pytest.mark.parametrize("name", ["3layers", "a.b", "a" * 19, "ab" * 19, "1e", "seed0", "non", "da+m+l2"])
def test_any_other_plain_name_is_taken(name):
    assert name in load_config(overlay(RAW, {"recipes": {name: RAW["recipes"].get(name, {"dropout": 0.5})}})).recipes


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"results": "-r"}, "results: found '-r'"),
        ({"results": "r {x}"}, "results: found 'r {x}'"),
        ({"grid": {"seeds": [11111111111111111111]}}, "grid.seeds.0"),
        ({"figures": {"confusing": {"kind": "curves", "study": "ablation"}}}, "figures.confusing: found a figure"),
        ({"figures": {"toy": {"kind": "curves", "study": "ablation"}}}, "figures.toy: found a figure"),
        ({"figures": {"toy_mechanism": {"study": "ablation", "kind": "curves"}}}, "figures.toy_mechanism: found a"),
        ({"studies": {"table_main.csv": RAW["studies"]["scale"]}}, "studies.table_main.csv: found the name of a table"),
    ],
)
def test_what_would_clash_on_disk_or_in_snakemake_is_refused(change, told):
    with pytest.raises(UserError) as error:
        load_config(overlay(RAW, change))
    assert told in str(error.value)


def test_five_wrong_references_are_five_lines():
    change = {
        "studies": {"ablation": {"recipes": ["vanila"]}, "scale": {"models": ["resnet81"]}},
        "inits": {"odd": {"kind": "rescaled", "like": "nothing"}},
        "datasets": {"mine": {"source": "mnist"}},
        "models": {"big": {"architecture": "vit"}},
    }
    with pytest.raises(UserError) as error:
        load_config(overlay(RAW, change))
    assert len(str(error.value).splitlines()) == 5


@pytest.mark.parametrize(
    ("dataset", "found"),
    [
        (
            {"source": "digits", "train_size": 1500, "validation_size": 300},
            "datasets.mine: found train_size 1,500 and validation_size 300; it has 1,797 training images, ",
        ),
        ({"source": "digits"}, "datasets.mine.train_size: found nothing; mine has no test images of its own"),
        (
            {"source": "digits", "train_size": 1497, "validation_size": 300},
            "datasets.mine: found train_size 1,497 and validation_size 300; expected less than its 1,797 images",
        ),
        ({"source": "cifar10", "train_size": 50_001}, "it has 50,000 training images"),
        ({"source": "cifar10", "path": "elsewhere", "train_size": 50_001}, "it has 50,000 training images"),
        (
            {"source": "cifar10", "validation_size": 50_000},
            "datasets.mine.validation_size: found 50,000; expected less",
        ),
        ({"source": "cifar10", "test_size": 10_001}, "datasets.mine.test_size: found 10,001; expected at most 10,000"),
        ({"source": "digits", "train_size": 1000, "test_size": 900}, "found 900; expected at most 797"),
        ({"source": "cinic10", "train_size": 90_001}, "it has 90,000 training images"),
    ],
)
def test_more_images_than_a_known_source_has_are_refused_before_anything_runs(dataset, found):
    with pytest.raises(UserError) as error:
        load_config(overlay(raw_config(), {"datasets": {"mine": dataset}}))
    assert found in str(error.value)
    assert "\n" not in str(error.value)


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
    load_config(overlay(raw_config(), {"datasets": {"mine": dataset}}))

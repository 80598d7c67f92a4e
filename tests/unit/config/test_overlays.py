"""An overlay adds to lists by ``name+``; what it takes away from a study leaves its figures and tables."""

import json
import re

import pytest

from badminima.config.load import load_config
from badminima.config.overlays import extended, has_additions, with_additions_of_all
from badminima.config.schema import schema_text
from badminima.errors import UserError
from tests.configs import overlay, raw_config

RAW = raw_config()


def test_a_list_with_a_plus_is_added_to_the_one_of_its_name_and_nothing_twice():
    added = {
        "diagnostics+": ["labels", "norms", "labels"],
        "grid": {"seeds+": [7]},
        "studies": {"scale": {"recipes+": ["da+m+l2"]}},
        "figures": {"curves": {"recipes+": None}},
    }
    config = load_config(overlay(RAW, added))
    assert config.diagnostics == [*RAW["diagnostics"], "labels"]
    assert config.studies["ablation"].seeds == [0, 1, 2, 3, 4, 7]
    assert config.studies["scale"].recipes == ["vanilla", "da+m+l2"]
    assert config.figures["curves"].recipes == RAW["figures"]["curves"]["recipes"]


def test_a_name_does_not_end_in_a_plus():
    with pytest.raises(UserError, match=r"recipes\.sam\+: found a name that ends in \+"):
        load_config(overlay(RAW, {"recipes": {"sam+": {"sam": 0.05}}}))


def test_overlays_that_add_to_the_same_list_all_do_and_null_forgets_the_earlier_ones():
    files = [
        {"diagnostics": ["norms"], "studies": {"scale": {"recipes": ["vanilla"]}, "seeds": {"seeds+": [7]}}},
        {"diagnostics+": ["trace"], "studies": {"scale": {"recipes+": ["m"]}}},
        {"diagnostics+": ["labels"], "studies": {"scale": {"recipes+": None}, "seeds": None}},
        {"studies": {"scale": {"recipes+": ["l2"]}, "seeds": {"seeds": [0], "seeds+": [8]}}},
    ]
    raw: dict = {}
    assert not has_additions(files[0]["studies"]["scale"])
    for file in files:
        raw = overlay(raw, file)
    merged = with_additions_of_all(raw, files)
    assert merged == {
        "diagnostics": ["norms"],
        "diagnostics+": ["trace", "labels", "labels"],
        "studies": {
            "scale": {"recipes": ["vanilla"], "recipes+": ["l2", "l2"]},
            "seeds": {"seeds": [0], "seeds+": [8, 8]},
        },
    }
    whole = extended(merged)
    assert whole["diagnostics"] == ["norms", "trace", "labels"]
    assert whole["studies"]["scale"]["recipes"] == ["vanilla", "l2"]


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ({"diagnostics+": "labels"}, r"diagnostics\+: found 'labels'; expected a list"),
        ({"seed+": [1]}, r"seed\+: found seed: 0 to add to"),
        ({"studies": {"scale": {"seeds+": [7]}}}, r"studies\.scale\.seeds\+: found no seeds to add to"),
        ({"labels+": ["labels"]}, r"labels\+: found no labels to add to"),
        ({"diagnostics+": ["label"]}, r"diagnostics: found 'label'; did you mean labels"),
    ],
)
def test_what_can_not_be_added_is_refused_by_its_key(added, told):
    with pytest.raises(UserError, match=told) as error:
        load_config(overlay(RAW, added))
    assert "\n" not in str(error.value)


def test_the_schema_of_editors_has_a_plus_for_every_list():
    schema = json.loads(schema_text())
    for section, name in ((schema, "diagnostics"), (schema["$defs"]["StudyConfig"], "recipes")):
        (pattern,) = section["patternProperties"]
        assert re.search(pattern, f"{name}+")
        assert not re.search(pattern, "question+")


def test_a_figure_a_table_and_the_zoo_leave_out_what_their_study_has_no_more():
    without = {
        "recipes": {"da+m+l2": None},
        "studies": {
            "ablation": {
                "recipes": ["vanilla", "da"],
                "only": {"random_rescaled": ["vanilla"], "true_labels": ["vanilla"]},
            }
        },
        "zoo": {"recipes": ["vanilla", "l2"], "inits": ["adversarial"]},
    }
    said: list[str] = []
    config = load_config(overlay(RAW, without), said.append)
    assert config.figures["curves"].recipes == config.tables["main"].recipes == config.zoo.recipes == ["vanilla"]
    assert "figures.curves.recipes: without da+m+l2; to have it, add it to studies.ablation.recipes" in said
    assert {line.split(":")[0] for line in said} == {
        "figures.curves.recipes",
        "figures.robustness.recipes",
        "tables.main.recipes",
        "zoo.recipes",
    }


@pytest.mark.parametrize("recipes", [["da+m+l2"], ["vanilla", "vanila"]])
def test_a_figure_of_which_nothing_is_left_and_a_misspelt_name_are_refused(recipes):
    change = {"studies": {"ablation": {"recipes": ["vanilla"]}}, "figures": {"curves": {"recipes": recipes}}}
    said: list[str] = []
    with pytest.raises(UserError, match=r"figures\.curves\.recipes: found"):
        load_config(overlay(RAW, change), said.append)
    assert not [line for line in said if line.startswith("figures.curves")]

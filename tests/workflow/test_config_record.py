"""config.json, which some rules read: an old one hides nothing that is missing, and is no reason to run for nothing."""

import json
import re

import pytest

from tests.checkout import Checkout, make_checkout
from tests.conftest import REPOSITORY

SMOKE = ["--configfile", "presets/smoke.yaml"]
TARGETS = ["all", "report", "plan", "zoo", "fig_ablation"]


@pytest.fixture(scope="module")
def leftover(tmp_path_factory) -> Checkout:
    """A checkout in which nothing is there but the config.json of another config."""
    checkout = make_checkout(tmp_path_factory.mktemp("leftover"))
    done = checkout.snakemake(*SMOKE, "--config", "seed=1", "--", "plan")
    assert "fig_ablation" in done.stdout
    return checkout


@pytest.mark.parametrize("target", TARGETS)
def test_the_config_of_an_earlier_start_hides_no_job(checkout, leftover, target):
    planned = leftover.planned(*SMOKE, "--", target)
    assert planned == checkout.planned(*SMOKE, "--", target)
    assert ("train" in planned) == (target != "plan")


def test_the_plan_is_printed_every_time(leftover):
    for _ in range(2):
        plan = leftover.snakemake(*SMOKE, "--", "plan").stdout
        assert re.search(r"^all: at most .*; 16 trainings after 4 pretrainings$", plan, re.MULTILINE)


def test_no_rule_makes_another_rules_output_ancient():
    # It would mark the file in place, for every rule that reads it.
    for path in (REPOSITORY / "rules").glob("*.smk"):
        assert "ancient(rules." not in path.read_text()


@pytest.fixture
def recorded(leftover):
    """Give the diagnostics of the merged config of some files, beside a config.yaml that adds some itself."""

    shipped = (REPOSITORY / "config.yaml").read_text()

    def record(in_config: str, *names: str, options: list[str] = SMOKE) -> list[str]:
        for name, added in {"trace": "[trace]", "none": "null", "labels": "[labels]", "more": "[gradients]"}.items():
            (leftover.folder / f"{name}.yaml").write_text(f"diagnostics+: {added}\n")
        (leftover.folder / "config.yaml").write_text(f"{shipped}\ndiagnostics+: {in_config}\n")
        leftover.snakemake(*options, *(f"{name}.yaml" for name in names), "--", "record_config")
        return json.loads((leftover.folder / "results/smoke/config.json").read_text())["diagnostics"]

    yield record
    (leftover.folder / "config.yaml").write_text(shipped)


def test_every_overlay_adds_to_a_list_in_the_order_of_the_command(recorded):
    assert recorded("null", "trace", "labels")[-2:] == ["trace", "labels"]
    assert recorded("[units]", "more", "labels")[-2:] == ["gradients", "labels"]
    last = recorded("null", "trace", "none", "labels", "more")
    assert last[-2:] == ["labels", "gradients"]
    assert "trace" not in last


def test_json_indented_by_tabs_is_read_as_snakemake_reads_it(leftover, recorded):
    (leftover.folder / "tabs.json").write_text('{\n\t"diagnostics+": ["labels"]\n}\n')
    assert recorded("null", "trace", options=[*SMOKE, "tabs.json"])[-2:] == ["labels", "trace"]


def test_a_config_that_is_replaced_adds_nothing(recorded):
    whole = ["--replace-workflow-config", "--configfile", str(REPOSITORY / "config.yaml"), "presets/smoke.yaml"]
    found = recorded("[gradients]", "trace", options=whole)
    assert found[-1] == "trace"
    assert "gradients" not in found

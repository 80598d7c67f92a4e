"""config.json, which some rules read: an old one hides nothing that is missing, and is no reason to run for nothing."""

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
        assert re.search(r"^all: .*at most .*; 16 trainings after 4 pretrainings$", plan, re.MULTILINE)


def test_no_rule_makes_another_rules_output_ancient():
    # It would mark the file in place, for every rule that reads it.
    for path in (REPOSITORY / "rules").glob("*.smk"):
        assert "ancient(rules." not in path.read_text()

"""config.json, which some rules read: an old one hides nothing that is missing, and is no reason to run for nothing."""

import re

import pytest

from tests.checkout import Checkout, make_checkout

SMOKE = ["--configfile", "presets/smoke.yaml"]


@pytest.fixture(scope="module")
def leftover(tmp_path_factory) -> Checkout:
    """A checkout in which nothing is there but the config.json of another config."""
    checkout = make_checkout(tmp_path_factory.mktemp("leftover"))
    checkout.snakemake(*SMOKE, "--config", "seed=1", "--", "plan")
    return checkout


def test_the_config_of_an_earlier_start_hides_no_job(checkout, leftover):
    targets = [*SMOKE, "--", "all", "plan", "zoo", "provenance"]
    planned = leftover.planned(*targets)
    assert planned == checkout.planned(*targets)
    assert planned["train"] == 16


def test_the_plan_is_printed_every_time(leftover):
    for _ in range(2):
        plan = leftover.snakemake(*SMOKE, "--", "plan").stdout
        assert re.search(r"^all: .*at most .*; 16 trainings after 4 pretrainings$", plan, re.MULTILINE)
        assert "fig_ablation" in plan

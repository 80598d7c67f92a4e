"""config.json, which some rules read: an old one hides nothing that is missing, and is no reason to run for nothing."""

import re
import shutil

import pytest
import yaml

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


@pytest.fixture
def finished(smoke) -> Checkout:
    """The smoke checkout with nothing left to do, whatever tests before have left."""
    smoke.snakemake(*SMOKE, "--", "all", "report")
    return smoke


@pytest.mark.parametrize("target", TARGETS)
def test_the_config_of_an_earlier_start_hides_no_job(checkout, leftover, target):
    planned = leftover.planned(*SMOKE, "--", target)
    assert planned == checkout.planned(*SMOKE, "--", target)
    assert ("train" in planned) == (target != "plan")


def test_the_plan_is_printed_every_time(leftover):
    for _ in range(2):
        assert re.search(r"^ *all +20 ", leftover.snakemake(*SMOKE, "--", "plan").stdout, re.MULTILINE)


def test_a_changed_resource_and_a_deleted_figure_make_that_figure_and_what_reads_the_config(finished):
    change = ["--config", "resources={train: {runtime: 6}}"]
    figure = finished.folder / "results" / "smoke" / "figures" / "fig_curves.png"
    kept = figure.with_suffix(".kept")
    shutil.move(figure, kept)
    try:
        assert finished.planned(*SMOKE, *change) == {"fig_curves": 1, "report": 1, "record_config": 1, "all": 1}
        # The page shows figures as SVG.
        assert finished.planned(*SMOKE, *change, "--", "report") == {}
        assert finished.planned(*SMOKE, *change, "--", "plan") == {"record_config": 1, "plan": 1}
    finally:
        shutil.move(kept, figure)


def test_the_order_of_overlays_is_no_change(finished, tmp_path):
    # New keys, whose order the merged config keeps: in a mapping of its own, and among options of a measurement.
    overlays = {
        "one": {"recipes": {"unused_a": {}}, "measuring": {"options": {"landscape": {"margin": 0.25}}}},
        "two": {"recipes": {"unused_b": {}}, "measuring": {"options": {"landscape": {"plane": 3}, "memory": {}}}},
    }
    for name, content in overlays.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
    files = [str(tmp_path / f"{name}.yaml") for name in overlays]
    finished.snakemake(*SMOKE, *files, "--", "results/smoke/config.json")
    for order in (files, files[::-1]):
        assert "record_config" not in finished.planned(*SMOKE, *order, "--", "all", "report")
        assert not {"train", "diagnose", "landscape"} & finished.planned(*SMOKE, *order, "--", "all").keys()
    finished.snakemake(*SMOKE, "--", "all", "report")


def test_no_rule_makes_another_rules_output_ancient():
    # It would mark the file in place, for every rule that reads it.
    for path in (REPOSITORY / "rules").glob("*.smk"):
        assert "ancient(rules." not in path.read_text()

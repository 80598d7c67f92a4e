"""The workflow as a module of another one, with a config of its own: imported, planned and run."""

import re
from pathlib import Path

import pytest
import yaml

import badminima
from badminima.experiment.paths import Paths
from tests.checkout import Checkout
from tests.configs import overlay, raw_config
from tests.conftest import REPOSITORY

SMOKE = yaml.safe_load((REPOSITORY / "presets" / "smoke.yaml").read_text())
# Two runs and a figure of them, from random weights alone.
TINY = {
    "results": "results/tiny",
    "training": {"epochs": 1, "milestones": []},
    "studies": {"ablation": {"inits": ["random"], "recipes": ["vanilla"]}},
    "diagnostics": ["distance", "norms"],
    "toy": None,
    "figures": dict.fromkeys(("units", "curves", "distance", "landscape", "measures", "scatter", "pretraining")),
    "tables": {"main": None},
}
MODULE = """
configfile: "config.yaml"

{before}

module badminima:
    snakefile: "{snakefile}"
    config: config["badminima"]
    {prefix}

use rule * from badminima as badminima_*

onstart:
    badminima.onstart()
    print("started here")

onsuccess:
    badminima.onsuccess()
"""
SECOND = """
module again:
    snakefile: "SNAKEFILE"
    config: config["other"]
    prefix: "again"

use rule * from again as again_*
"""
OWN_RULES = """
rule all:
    input: "own.txt"

rule own:
    output: "own.txt"
    shell: "touch {output}"
"""


def importing(folder: Path, snakefile: Path | str, *overlays: dict, before: str = "", prefix: str = "") -> Checkout:
    """A workflow that imports this one; its config has a key of its own."""
    raw = overlay(raw_config(), SMOKE)
    for change in overlays:
        raw = overlay(raw, change)
    (folder / "config.yaml").write_text(yaml.safe_dump({"badminima": raw, "mine": 1}))
    (folder / "Snakefile").write_text(MODULE.format(before=before, snakefile=snakefile, prefix=prefix))
    return Checkout(folder)


def test_an_importing_workflow_plans_the_same_jobs_under_its_own_names(checkout, tmp_path):
    other = importing(tmp_path, checkout.folder / "Snakefile")
    own = checkout.planned("--configfile", "presets/smoke.yaml", "--", "all", "provenance", "zoo")
    assert own["zoo"] == own["report"] == own["provenance"] == 1
    expected = {f"badminima_{rule}": count for rule, count in own.items()}
    assert other.planned("--", "badminima_all", "badminima_provenance", "badminima_zoo") == expected


def test_the_snakefile_of_the_how_to_page_plans_its_figure_and_its_own_rule(checkout, tmp_path):
    page = (REPOSITORY / "docs" / "how-to" / "reuse.md").read_text()
    (snakefile,) = re.findall(r"```python\n(# Snakefile\n.*?)```", page, re.DOTALL)
    (tmp_path / "badminima").symlink_to(checkout.folder)
    other = importing(tmp_path, "unused", {"results": "results/bad"})
    (tmp_path / "Snakefile").write_text(snakefile)
    planned = other.planned()
    assert {"all", "statuses", "badminima_fig_ablation", "badminima_collect"} <= set(planned)


@pytest.mark.parametrize(("before", "target"), [(OWN_RULES, "own"), ("", "badminima_all")])
def test_the_importing_workflow_keeps_its_default_target_if_it_has_one(checkout, tmp_path, before, target):
    planned = importing(tmp_path, checkout.folder / "Snakefile", TINY, before=before).planned()
    assert {"own", "badminima_all"} & set(planned) == {target}


def test_one_rule_can_be_imported_alone(checkout, tmp_path):
    other = importing(tmp_path, checkout.folder / "Snakefile")
    text = (tmp_path / "Snakefile").read_text()
    (tmp_path / "Snakefile").write_text(text.replace("use rule *", "use rule prepare_data, fetch_data"))
    planned = other.planned("--", "results/smoke/data/digits.safetensors")
    assert planned == {"badminima_fetch_data": 1, "badminima_prepare_data": 1}


def test_a_module_with_a_prefix_in_a_subfolder_trains_reports_and_exports(checkout, tmp_path):
    # As a git submodule lies: its relative paths are ones that a prefix would move.
    (tmp_path / "badminima").symlink_to(checkout.folder)
    other = importing(tmp_path, "badminima/Snakefile", TINY, prefix='prefix: "bad"')
    done = other.snakemake("--", "badminima_report", "badminima_provenance", "badminima_zoo")
    assert "started here" in done.stdout + done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"Snakefile", "config.yaml", "badminima", "bad", ".snakemake"}

    paths = Paths(tmp_path / "bad" / "results" / "tiny")
    report = (paths.results / "report.html").read_text()
    assert 'id="fig-ablation"' in report
    assert "fig_ablation.png" in (paths.results / "provenance.html").read_text()
    results = badminima.load(paths.results)
    assert len(results.runs) == len(results.trained) == 2
    assert results.config.training.epochs == 1

    zoo = badminima.zoo.load(paths.results / "zoo")
    assert list(zoo) == ["digits/mlp/random/vanilla/seed0"]
    zoo.verify()
    assert zoo["digits/mlp/random/vanilla/seed0"].card.measurements["distance.total"] > 0

    assert other.planned("--", "badminima_report", "badminima_provenance", "badminima_zoo") == {}

    # Snakemake's own report of the importing workflow shows the figures with their captions, too.
    other.snakemake("--report", "own.html", "badminima_all")
    assert "Open circles are seeds" in (tmp_path / "own.html").read_text()


def test_without_the_modules_onstart_a_job_of_the_modules_says_what_is_missing(checkout, tmp_path):
    other = importing(tmp_path, checkout.folder / "Snakefile")
    text = (tmp_path / "Snakefile").read_text()
    (tmp_path / "Snakefile").write_text(text.replace("    badminima.onstart()\n", ""))
    target = "results/smoke/data/digits.safetensors"
    done = other.snakemake("--logger", "badminima", "--quiet", "all", "--", target, check=False)
    assert done.returncode == 1
    assert "rule badminima_prepare_data, log: results/smoke/logs/prepare_data/digits.log\n" in done.stderr
    assert "an importing workflow calls badminima.onstart()" in done.stderr


def test_a_job_on_a_cluster_keeps_the_settings_it_was_planned_with(checkout, tmp_path, monkeypatch):
    inherited = OWN_RULES.replace("touch {output}", "echo $BADMINIMA_PLANNED > {output}")
    other = importing(tmp_path, checkout.folder / "Snakefile", TINY, before=inherited)
    text = (tmp_path / "Snakefile").read_text().replace("module badminima:", f"{SECOND}\nmodule badminima:")
    text = text.replace("SNAKEFILE", str(checkout.folder / "Snakefile"))
    start = "    badminima.onstart()\n"
    (tmp_path / "Snakefile").write_text(text.replace(start, f"{start}    again.onstart()\n"))
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())

    def write_epochs(one, two):
        config["badminima"]["training"]["epochs"] = one
        config["other"] = overlay(config["badminima"], {"training": {"epochs": two}})
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))

    def settings_of(*arguments):
        output = other.snakemake("--dry-run", "--printshellcmds", *arguments).stdout
        return set(re.findall(r"train\.py .*--start (again)?.*--settings @(\S+) ", output))

    run = "results/tiny/runs/digits/mlp/random/vanilla/seed0/run.json"
    write_epochs(1, 2)
    planned = settings_of("--", run, f"again/{run}")
    assert len(planned) == 2
    other.snakemake("--", "own.txt")
    monkeypatch.setenv("BADMINIMA_PLANNED", (tmp_path / "own.txt").read_text().strip())
    write_epochs(3, 4)
    job = "train:dataset=digits,model=mlp,init=random,recipe=vanilla,seed=0"
    target_jobs = ["--target-jobs", f"badminima_{job}", f"again_{job}"]
    assert settings_of("--mode", "remote", "--force", *target_jobs) == planned

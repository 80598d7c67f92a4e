"""The profiles: the SLURM one as a site would edit it (a real cluster is in tests/slurm), and the default one."""

import re
from pathlib import Path

import pytest
import yaml
from snakemake.profiles import ProfileConfigFileParser

from tests.checkout import Checkout
from tests.conftest import REPOSITORY

PROFILE = REPOSITORY / "slurm" / "config.yaml"
# Commented lines that are settings, not sentences.
SETTING = re.compile(r"^# ((?:[a-z-]+:.*|  - .*)\n)", re.MULTILINE)


@pytest.fixture(scope="module")
def edited() -> str:
    """The profile with all its commented settings taken in."""
    return SETTING.sub(r"\1", PROFILE.read_text())


def test_every_commented_setting_can_be_taken_in(edited: str, checkout: Checkout, tmp_path: Path) -> None:
    taken = yaml.safe_load(edited).keys() - yaml.safe_load(PROFILE.read_text()).keys()
    assert taken >= {"default-resources", "set-resources", "slurm-partition-config", "slurm-status-command"}
    (tmp_path / "config.yaml").write_text(edited)
    dry_run = ["--profile", str(tmp_path), "--dry-run", "--configfile", "presets/smoke.yaml", "--", "all"]
    assert "slurm_partition=gpu" in checkout.snakemake(*dry_run).stdout


def test_the_profile_names_all_rules_that_ask_for_a_gpu(edited: str) -> None:
    named = {entry.partition(":")[0] for entry in yaml.safe_load(edited)["set-resources"]}
    rules = (REPOSITORY / "rules").glob("*.smk")
    text = "\n".join(path.read_text() for path in rules)
    assert named == {
        rule
        for rule, body in re.findall(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", text, re.M | re.S)
        if "{resources.gpu}" in body
    } | {"compare"}  # made in a loop


@pytest.mark.parametrize(
    ("command", "profile", "cores"),
    [
        ("snakemake all --configfile presets/job-e.yaml", "", "all"),
        ("snakemake all", "slurm", None),
        ("snakemake --profile slurm all", "", None),
        ("snakemake --executor=slurm --jobs 5 all", "", None),
        ("snakemake all -e slurm", "", None),
        ("snakemake -j4 all", "", None),
    ],
)
def test_all_cores_are_taken_unless_it_is_said_how_many_jobs_run_or_where(monkeypatch, command, profile, cores):
    monkeypatch.setattr("sys.argv", command.split())
    monkeypatch.setenv("SNAKEMAKE_PROFILE", profile)
    with (REPOSITORY / "profiles" / "default" / "config.yaml").open() as file:
        settings = ProfileConfigFileParser().parse(file)
    assert settings.get("cores") == cores
    assert settings["logger"] == "badminima"

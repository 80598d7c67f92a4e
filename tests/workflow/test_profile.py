"""The profiles: the SLURM one as a site would edit it (a real cluster is in tests/slurm), and the default one."""

import re
from pathlib import Path

import pytest
import yaml
from snakemake.profiles import ProfileConfigFileParser

from badminima.workflow.command_line import config_files
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
        rule for rule, body in re.findall(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", text, re.M | re.S) if "gpus_of" in body
    } | {"compare"}  # made in a loop


@pytest.mark.parametrize(
    ("command", "cores"),
    [
        ("snakemake all --configfile presets/job-e.yaml", "all"),
        ("snakemake --profile slurm all", None),
        ("snakemake --executor=slurm --jobs 5 all", None),
        ("snakemake all -e slurm", None),
        ("snakemake -j4 all", None),
    ],
)
def test_all_cores_are_taken_unless_the_command_says_how_many_jobs_run_or_where(monkeypatch, tmp_path, command, cores):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "job-e.yaml").write_text("seed: 1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", command.split())
    with (REPOSITORY / "profiles" / "default" / "config.yaml").open() as profile:
        assert ProfileConfigFileParser().parse(profile).get("cores") == cores


def test_all_cores_are_taken_nowhere_where_a_profile_comes_from_the_shell(monkeypatch):
    monkeypatch.setattr("sys.argv", ["snakemake", "all"])
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "slurm")
    with (REPOSITORY / "profiles" / "default" / "config.yaml").open() as profile:
        assert "cores" not in ProfileConfigFileParser().parse(profile)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("snakemake --configfile presets/dmeo.yaml -- all", "presets/dmeo.yaml: found no such file; did you mean "),
        ("snakemake --configfile presets/demo.yaml all", "all: found no such file; a target stands before the option"),
        ("snakemake -n --configfiles=presets/dmeo.yaml", "presets/dmeo.yaml: found no such file; did you mean "),
        ("snakemake --configfile presets", "presets: found a folder; "),
        # The shell opens ~ in a word of its own alone, and Snakemake never does.
        ("snakemake --configfile=~/mine.yaml", "~/mine.yaml: found no such file; expected a config file"),
        ("snakemake --configfile absent/mine.yml", "absent/mine.yml: found no such file; expected a config file"),
    ],
)
def test_a_wrong_config_file_ends_in_one_line(monkeypatch, tmp_path, command, line):
    (tmp_path / "mine.yaml").write_text("seed: 1")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr("sys.argv", command.split())
    with (REPOSITORY / "profiles" / "default" / "config.yaml").open() as profile, pytest.raises(SystemExit) as end:
        ProfileConfigFileParser().parse(profile)
    assert str(end.value).startswith(f"--configfile: {line}")
    assert "dmeo" not in command or str(end.value).endswith("presets/demo.yaml?")


def test_files_behind_the_option_end_where_another_begins():
    command = ["--configfile", "a.yaml", "b.yaml", "--config", "seed=1", "--configfiles=c.yaml", "all", "-n"]
    assert list(config_files(command)) == ["a.yaml", "b.yaml", "c.yaml"]

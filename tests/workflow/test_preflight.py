"""The paper's grid does not start by accident on one machine."""

import pytest

from tests.checkout import Checkout, make_checkout

# Counting the jobs of the whole grid takes long.
ONE_SEED = ["--config", "grid={seeds: [0]}"]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory) -> Checkout:
    return make_checkout(tmp_path_factory.mktemp("untouched"))


def test_config_yaml_alone_is_refused_in_one_line_before_anything_starts(untouched):
    done = untouched.snakemake("--quiet", "all", *ONE_SEED, "--", "all", check=False)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("Using workflow specific profile")]
    assert "336 trainings and 32 pretrainings to run here" in line
    assert "--configfile presets/demo.yaml" in line
    assert not (untouched.folder / "results").exists()
    assert not (untouched.folder / "data").exists()
    assert not list((untouched.folder / ".snakemake" / "locks").glob("*"))


def test_with_a_raised_limit_the_missing_imagenet_is_what_is_refused(untouched):
    done = untouched.snakemake(*ONE_SEED, "plan={local_hours: null}", "--", "all", check=False)
    assert done.returncode == 1
    assert done.stderr.count("data.local_dirs.restricted_imagenet: found no folder; expected") == 1
    assert not (untouched.folder / "results").exists()


def test_the_toy_the_plan_and_the_list_of_targets_are_free(untouched):
    small = "toy={points: 10, test_points: 20, widths: [8], pretraining: {epochs: 20}, seeds: [0], frames: 2}"
    done = untouched.snakemake(*ONE_SEED, small, "--", "fig_toy", "plan", "help")
    assert (untouched.folder / "results" / "figures" / "fig_toy.png").exists()
    assert "device: NVIDIA H200" in done.stdout
    assert "  claim_7 " in done.stdout


def test_the_plan_beside_a_target_that_trains_is_refused_before_anything_runs(untouched):
    done = untouched.snakemake("--configfile", "presets/smoke.yaml", "--", "plan", "claim_2", check=False)
    assert done.returncode != 0
    assert "not started: plan: found targets that train beside it; ask for plan alone" in done.stderr
    assert not (untouched.folder / "results" / "smoke" / "inits").exists()


def test_the_plan_knows_the_machine(untouched, tmp_path, monkeypatch):
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho NVIDIA H200\necho NVIDIA H200\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for device, options, at_once in (
        ("x86_64", ["--cores", "8"], 4),
        ("H200", ["--cores", "32"], 2),
        ("H200", ["--profile", "slurm", "--jobs", "37"], 37),
    ):
        config = ["--configfile", "presets/smoke.yaml", "--config", "device=auto", f"plan={{device: {device}}}"]
        assert f"; {at_once} at once" in untouched.snakemake(*options, *config, "--", "plan").stdout

"""The paper's grid does not start by accident on one machine."""

import os

import pytest

from tests.checkout import make_checkout


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    return make_checkout(tmp_path_factory.mktemp("untouched"))


@pytest.mark.parametrize("target", ["all", "fig_ablation"])
def test_config_yaml_alone_is_refused_in_one_line_before_anything_starts(untouched, target):
    done = untouched.snakemake("--quiet", "all", "--", target, check=False)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("Using workflow specific profile")]
    assert "trainings and 160 pretrainings to run here" in line
    assert "downloads of cifar10, cifar100, cinic10;" in line
    assert "--configfile presets/demo.yaml" in line
    assert "--profile slurm" in line
    assert not (untouched.folder / "results").exists()
    assert not (untouched.folder / "data").exists()
    assert not list((untouched.folder / ".snakemake" / "locks").glob("*"))


def test_with_a_raised_limit_the_missing_imagenet_is_what_is_refused(untouched):
    done = untouched.snakemake("--config", "plan={local_hours: null}", "--", "all", check=False)
    assert done.returncode == 1
    assert "data.local_dirs.restricted_imagenet: found no folder to make restricted_imagenet from" in done.stderr
    assert not (untouched.folder / "results").exists()


def test_the_toy_the_plan_and_the_list_of_targets_are_free(untouched):
    # One seed: counting the jobs of the whole grid takes seconds.
    small = "toy={points: 10, test_points: 20, widths: [8], pretraining: {epochs: 20}, seeds: [0], frames: 2}"
    done = untouched.snakemake("--config", small, "grid={seeds: [0]}", "--", "fig_toy", "plan", "help")
    assert (untouched.folder / "results" / "figures" / "fig_toy.png").exists()
    assert "device: NVIDIA H200" in done.stdout
    assert "  claim_7 " in done.stdout


def test_the_plan_beside_a_target_that_trains_is_refused_before_anything_runs(untouched):
    done = untouched.snakemake("--configfile", "presets/smoke.yaml", "--", "plan", "claim_2", check=False)
    assert done.returncode != 0
    assert "not started: plan: found targets that train beside it; ask for plan alone" in done.stderr
    assert not (untouched.folder / "results" / "smoke" / "inits").exists()


def test_the_plan_knows_the_machine(untouched, tmp_path, monkeypatch):
    one_seed = ["--config", "grid={seeds: [0]}"]
    assert "; 4 at once" in untouched.snakemake("--cores", "8", *one_seed, "plan={device: x86_64}", "--", "plan").stdout
    assert "; 2 at once" in untouched.snakemake("--cores", "9", "--resources", "gpu=3", *one_seed, "--", "plan").stdout
    done = untouched.snakemake("--profile", "slurm", "--jobs", "37", *one_seed, "--", "plan")
    assert "; 37 at once" in done.stdout
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho NVIDIA H200\necho NVIDIA H200\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert "; 2 at once" in untouched.snakemake("--cores", "32", *one_seed, "--", "plan").stdout

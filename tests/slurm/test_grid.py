"""Whole grids on a real SLURM cluster of two nodes: `make test-slurm`."""

import os

import pytest
import torch

from tests.slurm.conftest import assert_same_weights, keep_one_seed, records

pytestmark = pytest.mark.slurm


@pytest.mark.parametrize("preset", [pytest.param("smoke", marks=pytest.mark.quick), "demo"])
def test_a_grid_runs_as_jobs_with_gpus_on_both_nodes_to_the_bits_of_a_local_run(
    submit, checkout, trained_locally, preset
):
    keep_one_seed(checkout, preset)
    submit(checkout, "all", preset=preset).succeed(3000)
    found = records(checkout, preset)
    assert {record["slurm"]["SLURM_STEP_GPUS"] for record in found} == {"0"}
    assert {record["slurm"]["SLURM_JOB_NODELIST"] for record in found} == {"n1", "n2"}
    assert len({record["slurm"]["SLURM_JOB_ID"] for record in found}) == len(found)
    assert_same_weights(checkout, trained_locally(preset), preset)


def test_a_cluster_without_accounting_is_noticed_before_the_first_job(submit, checkout):
    submitted = submit(checkout, "all", site=[])
    output = submitted.end(60)
    assert submitted.process.returncode != 0
    assert "slurm/config.yaml needs 'slurm-status-command: squeue' and 'slurm-no-account: true'" in output
    assert not (checkout.folder / "results" / "smoke" / "data").exists()


@pytest.mark.quick
def test_a_refusal_after_the_start_is_told_too(cluster, submit, checkout):
    """The doubled memory of a second attempt does not fit the nodes."""
    start = "results/smoke/inits/digits/mlp/random/seed0/weights.safetensors"
    checkout.snakemake("--configfile", "presets/smoke.yaml", "--", start)
    (checkout.folder / "workflow" / "scripts" / "train.py").write_text("raise SystemExit(1)\n")
    run = "results/smoke/runs/digits/mlp/random/vanilla/seed0/weights.safetensors"
    output = submit(checkout, run, config=("resources={train: {mem_mb: 6000}}",), options=("--retries", "1")).end()
    report = output[output.index("1 job did not complete:") :]
    assert "the cluster refused or lost this job" in report


@pytest.mark.parametrize("quiet", [None, "all", "host", "progress", "reason", "rules"])
def test_a_failing_rule_is_named_with_its_reason_and_the_rest_of_the_grid_goes_on(submit, checkout, quiet):
    bad = "results/smoke/runs/digits/mlp/random/da+m+l2/seed0/weights.safetensors"
    good = bad.replace("seed0", "seed1")
    start = checkout.folder / "results/smoke/inits/digits/mlp/random/seed0/weights.safetensors"
    checkout.snakemake("--configfile", "presets/smoke.yaml", "--", str(start.relative_to(checkout.folder)))
    content = bytearray(start.read_bytes())
    content[-10] ^= 1
    times = start.stat()
    start.write_bytes(content)
    os.utime(start, ns=(times.st_atime_ns, times.st_mtime_ns))
    options = ("--retries", "0", *(() if quiet is None else ("--quiet", quiet)))
    submitted = submit(checkout, bad, good, options=options)
    output = submitted.end()
    assert submitted.process.returncode != 0
    report = output[output.index("1 job did not complete:") :]
    assert "rule train, log: results/smoke/logs/train/digits/mlp/random/da+m+l2/seed0.log" in report
    assert "found no tensor file, or a damaged one (its digest does not fit its content)" in report
    assert (checkout.folder / good).exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch can use a GPU here")
def test_a_job_with_a_gpu_that_torch_cannot_use_does_not_train_on_the_cpu(submit, checkout):
    run = "results/smoke/runs/digits/mlp/random/vanilla/seed0"
    options = ("--retries", "0", "--quiet", "all")
    submitted = submit(checkout, f"{run}/weights.safetensors", config=("device=auto",), options=options)
    output = submitted.end()
    assert submitted.process.returncode != 0
    assert "device: found 'auto' in a job that holds a GPU, but torch can't use one (" in output
    assert not (checkout.folder / run / "weights.safetensors").exists()

"""The device of the machine that a workflow is started on, and how many GPUs jobs can share."""

import pytest

from badminima.workflow.machine import device_here, gpus_here

TWO = "echo 'NVIDIA H200'; echo 'NVIDIA A100'"


@pytest.mark.parametrize(
    ("script", "visible", "wanted", "device", "gpus"),
    [
        (TWO, None, "auto", "NVIDIA H200", 2),
        (TWO, "1", "cuda", "NVIDIA H200", 1),
        (TWO, "MIG-a,MIG-b,MIG-c", "auto", "NVIDIA H200", 3),
        (TWO, "", "auto", "NVIDIA H200", 0),
        (TWO, None, "cpu", "cpu", 0),
        ("exit 9", "0,1", "auto", "cpu", 0),
        ("echo no devices were found >&2", None, "auto", "cpu", 0),
        (None, None, "auto", "cpu", 0),
    ],
)
def test_gpus_are_those_that_the_environment_allows_or_all(
    tmp_path, monkeypatch, script, visible, wanted, device, gpus
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if script is not None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert (device_here(wanted), gpus_here(wanted)) == (device, gpus)

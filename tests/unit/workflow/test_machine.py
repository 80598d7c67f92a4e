"""The device of the machine that a workflow is started on."""

import stat

import pytest

from badminima.workflow.machine import device_here, gpus_here


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Put a program in the place of nvidia-smi."""

    def install(script: str) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(tmp_path))

    monkeypatch.setenv("PATH", str(tmp_path))
    return install


def test_the_first_gpu_is_named(driver):
    driver("echo 'NVIDIA H200'; echo 'NVIDIA A100'")
    assert device_here("auto") == device_here("cuda") == "NVIDIA H200"
    assert device_here("cpu") == "cpu"


@pytest.mark.parametrize("script", [None, "exit 9", "echo no devices were found >&2"])
def test_without_a_gpu_it_is_the_cpu(driver, script):
    if script is not None:
        driver(script)
    assert device_here("auto") == "cpu"


@pytest.mark.parametrize(
    ("script", "visible", "wanted", "gpus"),
    [
        ("echo 'NVIDIA H200'; echo 'NVIDIA H200'", None, "auto", 2),
        ("echo 'NVIDIA H200'; echo 'NVIDIA H200'", "1", "cuda", 1),
        ("echo 'NVIDIA H200'", "MIG-a,MIG-b,MIG-c", "auto", 3),
        ("echo 'NVIDIA H200'", "", "auto", 0),
        ("echo 'NVIDIA H200'", None, "cpu", 0),
        ("exit 9", "0,1", "auto", 0),
    ],
)
def test_gpus_are_those_that_the_environment_allows_or_all(driver, monkeypatch, script, visible, wanted, gpus):
    driver(script)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus_here(wanted) == gpus

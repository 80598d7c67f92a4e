"""The device of the machine that a workflow is started on."""

import stat

import pytest

from badminima.workflow.machine import device_here


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

"""Where a result came from: device, versions, code revision."""

import os
import platform
import subprocess
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from badminima.errors import UserError

# What SLURM says of the job, where there is one.
# The executor plugin starts a step inside the job, which knows its GPUs under another name than the job.
SLURM_VARIABLES = ("SLURM_JOB_ID", "SLURM_JOB_NODELIST", "SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "SLURM_RESTART_COUNT")
SLURM_GPU_VARIABLES = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS")
PACKAGES = ("torch", "torchvision", "numpy", "snakemake")


def choose_device(wanted: str, gpus: int = 0) -> torch.device:
    """Choose where a job computes; a GPU that it was given is used, or the job ends.

    Args:
        wanted: ``cpu``, ``cuda``, or ``auto``: cuda where torch can use it, else cpu.
        gpus: GPUs that the rule gave the job; those that SLURM gave it count too.

    Raises:
        UserError: if torch can't use a GPU that is wanted or that the job was given, with torch's reason.
    """
    if wanted == "cpu" or torch.cuda.is_available():
        return torch.device("cpu" if wanted == "cpu" else "cuda")
    if wanted == "cuda" or gpus or any(os.environ.get(name) for name in SLURM_GPU_VARIABLES):
        given = "" if wanted == "cuda" else " in a job that holds a GPU"
        raise UserError(
            "device", f"{wanted!r}{given}, but torch can't use one ({_why_no_cuda()})", "device: cpu computes without"
        )
    return torch.device("cpu")


def describe(device: torch.device) -> str:
    """Return the name of a device: that of the GPU, or the CPU's architecture."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu ({platform.machine()})"


def provenance(device: torch.device) -> dict[str, object]:
    """Return what a reader needs to judge or repeat a number."""
    return {
        "device": describe(device),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
        "revision": code_revision(),
        "slurm": {name: os.environ[name] for name in SLURM_VARIABLES if name in os.environ},
    }


def code_revision() -> str | None:
    """Return the git revision of this code, with ``+changes`` if the tree differs; None outside a checkout."""
    folder = Path(__file__).parent
    try:
        revision = _git(folder, "rev-parse", "HEAD")
        return revision + ("+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _why_no_cuda() -> str:
    """Return the first sentence of what torch says when it is made to use a GPU."""
    try:
        with warnings.catch_warnings(action="ignore"):
            torch.zeros(1, device="cuda")
    except (RuntimeError, AssertionError) as error:
        return " ".join(str(error).split()).split(". ")[0]
    return "torch.cuda.is_available() is false"


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

"""Where a result came from: device, versions, code revision."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from badminima.errors import UserError

# What SLURM says of the job, where there is one.
# The executor plugin starts a step inside the job, which knows its GPUs under another name than the job.
SLURM_VARIABLES = ("SLURM_JOB_ID", "SLURM_JOB_NODELIST", "SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "SLURM_RESTART_COUNT")
PACKAGES = ("torch", "torchvision", "numpy", "snakemake")


def choose_device(wanted: str) -> torch.device:
    """``auto``: cuda where there is one, else cpu; raises UserError if cuda is wanted and absent."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("device", "'cuda' on a machine without a usable GPU", "allowed here: auto, cpu")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def provenance(device: torch.device) -> dict[str, object]:
    """What a reader needs to judge or repeat a number."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu ({platform.machine()})",
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
        "revision": code_revision(),
        "slurm": {name: os.environ[name] for name in SLURM_VARIABLES if name in os.environ},
    }


def code_revision() -> str | None:
    """The git revision of this code, ``+changes`` appended if the tree differs from it; None outside a checkout."""
    folder = Path(__file__).parent
    try:
        revision = _git(folder, "rev-parse", "HEAD")
        return revision + ("+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

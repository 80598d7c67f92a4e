"""Where a result came from: device, versions, code revision."""

import os
import platform
import subprocess
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from badminima.storage.device import describe

# What SLURM says of the job, where there is one.
SLURM_VARIABLES = ("SLURM_JOB_ID", "SLURM_JOB_NODELIST", "SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "SLURM_RESTART_COUNT")
PACKAGES = ("torch", "torchvision", "numpy", "snakemake")


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
    git = partial(subprocess.run, cwd=Path(__file__).parent, check=True, capture_output=True, text=True)
    try:
        revision = git(["git", "rev-parse", "HEAD"]).stdout.strip()
        return revision + ("+changes" if git(["git", "status", "--porcelain", "--untracked-files=no"]).stdout else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

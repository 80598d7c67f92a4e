"""Where a result came from: device, versions, code revision."""

import os
import platform
import resource
import subprocess
import sys
import time
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
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
        "account": account(),
        "slurm": {name: os.environ[name] for name in SLURM_VARIABLES if name in os.environ},
    }


def account() -> dict[str, float]:
    """Return what this process and its children took so far: time on the wall and of the CPU, and peak memory."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    # Linux counts KiB, macOS bytes.
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return {
        "wall_seconds": round(time.time() - psutil.Process().create_time(), 2),
        "cpu_seconds": round(sum(one.ru_utime + one.ru_stime for one in used), 2),
        "peak_mib": round(max(one.ru_maxrss for one in used) / unit, 1),
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

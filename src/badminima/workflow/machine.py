"""The machine that a workflow is started on: what its jobs would compute on, asked without loading torch."""

import os
import subprocess

from badminima.experiment.speeds import CPU

PROBE = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]


def device_here(wanted: str) -> str:
    """Return the name of the device that jobs on this machine compute on.

    A GPU that only the driver knows counts too: a job that torch can't use it for ends with the reason.

    Args:
        wanted: the config's ``device``.
    """
    return next(iter(_names(wanted)), CPU)


def gpus_here(wanted: str) -> int:
    """Return how many GPUs jobs on this machine can share.

    Args:
        wanted: the config's ``device``.
    """
    names = _names(wanted)
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    return len(names if allowed is None or not names else [card for card in allowed.split(",") if card.strip()])


def _names(wanted: str) -> list[str]:
    """Return the names of the GPUs that the driver knows, none where the CPU is wanted."""
    if wanted == CPU:
        return []
    try:
        names = subprocess.run(PROBE, check=True, capture_output=True, text=True, timeout=20).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return []
    return [name.strip() for name in names]

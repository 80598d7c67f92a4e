"""The machine that a workflow is started on: which device its jobs would compute on."""

import subprocess

from badminima.experiment.speeds import CPU

PROBE = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]


def device_here(wanted: str) -> str:
    """Return the name of the device that jobs on this machine compute on, without loading torch.

    A GPU that only the driver knows counts too: a job that torch can't use it for ends with the reason.

    Args:
        wanted: the config's ``device``.
    """
    if wanted == CPU:
        return CPU
    try:
        names = subprocess.run(PROBE, check=True, capture_output=True, text=True, timeout=20).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return CPU
    return names[0].strip() if names else CPU

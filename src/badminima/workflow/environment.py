"""Prepare the environment that jobs inherit from the Snakemake that starts them."""

import os
from pathlib import Path
from typing import Any

from badminima.storage.files import read_json

PLANNED = "BADMINIMA_PLANNED"
# The files of the configs that this process has loaded; a workflow may import this one several times.
_loaded: list[str] = []


def hand_over_config(file: str) -> None:
    """Let jobs inherit the config that they are planned with, which lies in a file."""
    _loaded.append(file)
    os.environ[PLANNED] = os.pathsep.join(_loaded)


def planned_config() -> dict[str, Any] | None:
    """Return the config that a job on a cluster was planned with, whatever its sources say by now.

    None where the job did not inherit the environment of the Snakemake that planned it.
    """
    if PLANNED not in os.environ:
        return None
    _loaded.append(os.environ[PLANNED].split(os.pathsep)[len(_loaded)])
    return read_json(Path(_loaded[-1]))

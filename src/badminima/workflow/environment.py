"""Prepare the environment that jobs inherit from the Snakemake that starts them."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from badminima.errors import UserError
from badminima.storage.files import read_json

CACHE = "SNAKEMAKE_OUTPUT_CACHE"
PLANNED = "BADMINIMA_PLANNED"
# The files of the configs that this process has loaded; a workflow may import this one several times.
_loaded: list[str] = []


def use_checkout(source: Path) -> None:
    """Let jobs import the library from ``source`` and run the Python that runs Snakemake.

    A conda environment that Snakemake activates for a rule still comes first on the PATH.
    """
    paths = [str(source), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


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


def check_place(checkout: Path) -> None:
    """Raise UserError if the path of the checkout has what can't be in it.

    Snakemake takes braces for wildcards, and PYTHONPATH has colons between folders.
    """
    unfit = ["{", "}", os.pathsep]
    if set(str(checkout)) & set(unfit):
        raise UserError("checkout", checkout, f"expected a folder without any of {' '.join(unfit)} in its path")


def check_cache(environment: Mapping[str, str]) -> None:
    """Raise UserError if the environment names no place for a cache that the command asks for."""
    place = environment.get(CACHE)
    if not place:
        raise UserError("--cache", f"no {CACHE}", f"export {CACHE}=/an/existing/folder, or leave out --cache")
    if "://" not in place and not Path(place).is_dir():
        raise UserError(CACHE, place, "expected an existing folder, or the address of a storage")

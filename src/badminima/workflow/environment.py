"""Prepare the environment that jobs inherit from the Snakemake that starts them."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from badminima.config.data import MIRRORS


def use_checkout(source: Path) -> None:
    """Let jobs import the library from ``source`` and run the Python that runs Snakemake.

    A conda environment that Snakemake activates for a rule still comes first on the PATH.
    """
    paths = [str(source), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def hand_over_mirrors(addresses: Iterable[str]) -> None:
    """Let local jobs inherit the mirrors with their credentials."""
    os.environ[MIRRORS] = json.dumps(list(addresses))

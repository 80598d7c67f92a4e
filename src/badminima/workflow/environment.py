"""Prepare the environment that jobs inherit from the Snakemake that starts them."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from badminima.config.data import MIRRORS
from badminima.errors import without_secrets


def use_checkout(source: Path) -> None:
    """Let jobs import the library from ``source`` and run the Python that runs Snakemake.

    A conda environment that Snakemake activates for a rule still comes first on the PATH.
    """
    paths = [str(source), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def hand_over_mirrors(urls: Mapping[str, Sequence[str]]) -> None:
    """Let jobs inherit the mirrors of sources that have credentials; nothing is set where none has."""
    secret = {source: list(mirrors) for source, mirrors in urls.items() if any(map(_has_secrets, mirrors))}
    if secret:
        os.environ[MIRRORS] = json.dumps(secret)


def _has_secrets(address: str) -> bool:
    return without_secrets(address) != address

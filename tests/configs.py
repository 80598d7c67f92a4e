"""The configuration of the repository, with presets and changes on top."""

import copy

import yaml

from badminima.config import Config
from badminima.config.load import load_config
from tests.conftest import REPOSITORY


def raw_config() -> dict:
    return yaml.safe_load((REPOSITORY / "config.yaml").read_text())


def overlay(base: dict, top: dict) -> dict:
    """Snakemake's rule for --configfile: mappings merge, everything else is replaced."""
    merged = copy.deepcopy(base)
    for key, value in top.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = overlay(merged[key], value) if both else value
    return merged


def with_presets(*names: str) -> Config:
    raw = raw_config()
    for name in names:
        raw = overlay(raw, yaml.safe_load((REPOSITORY / "presets" / f"{name}.yaml").read_text()))
    return load_config(raw)

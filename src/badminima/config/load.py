"""Loading a configuration: types first, then the references of entries to each other."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import yaml

from badminima.config import Config, InitConfig, Name, Section
from badminima.config.messages import parse
from badminima.config.references import check_references

# First letters of numbers, true, false and null; a look at them is much cheaper than parsing every string.
SCALAR_STARTS = "0123456789+-.tfn"
NAMED_ENTRIES = ("datasets", "models", "inits", "recipes", "studies", "figures", "tables")


def load_config(raw: Mapping[str, Any]) -> Config:
    """Validate a raw configuration.

    Args:
        raw: the merged YAML mappings.

    Raises:
        UserError: on the first wrong entry, naming its key, its value and what is allowed.
    """
    config = parse(Config, _content(raw))
    check_references(config)
    return config


class _Inits(Section):
    """The one part of a configuration that says where start weights come from."""

    inits: dict[Name, InitConfig]


def load_inits(raw: Mapping[str, Any]) -> dict[str, InitConfig]:
    """The inits of a raw configuration, whatever else it holds; raises UserError as :func:`load_config` does."""
    return parse(_Inits, _content({"inits": raw.get("inits", {})})).inits


def _content(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A raw configuration without its text for numbers, and without the entries that an overlay took away."""
    return {
        key: {name: entry for name, entry in value.items() if entry is not None}
        if key in NAMED_ENTRIES and isinstance(value, Mapping)
        else value
        for key, value in _typed(raw).items()
    }


def _typed(value: Any) -> Any:
    """Numbers, truth values and null for text that reads as such: nested ``--config`` values arrive as text."""
    if isinstance(value, Mapping):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if isinstance(value, str) and value and value[0] in SCALAR_STARTS:
        with suppress(yaml.YAMLError):  # a sentence need not be YAML
            scalar = yaml.safe_load(value)
            return scalar if scalar is None or isinstance(scalar, int | float | bool) else value
    return value

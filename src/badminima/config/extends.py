"""Entries that extend others, and numbers that are given as a multiple of another one.

``l2_x3: {extends: l2, weight_decay: {times: 3}}`` is the recipe ``l2`` with three times its weight decay, whatever that
is. What a job is told is the entry as it reads when all of this is worked out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from badminima.config.data import DatasetConfig, ModelConfig
from badminima.config.messages import did_you_mean, shortened
from badminima.config.training import (
    AdversarialInit,
    OptimizationConfig,
    RandomInit,
    RecipeConfig,
    RescaledInit,
    RunInit,
)
from badminima.errors import UserError, UserErrors

EXTENDS = "extends"
TIMES = "times"
# The groups whose entries may extend each other, and the sections that these may be.
GROUPS: dict[str, tuple[type[BaseModel], ...]] = {
    "datasets": (DatasetConfig,),
    "models": (ModelConfig,),
    "inits": (RandomInit, AdversarialInit, RescaledInit, RunInit),
    "recipes": (RecipeConfig,),
}
# What a recipe may take in place of the phase's: a multiple of it, where no other recipe has one.
OF_PHASE = ("batch_size", "epochs")


@dataclass
class Resolved:
    """A configuration whose entries have all of their keys themselves.

    Attributes:
        content: the configuration.
        origins: the dotted key of each value that an entry has from elsewhere -> the key where it was written.
        extended: the dotted name of each entry that extends others -> their names.
    """

    content: dict[str, Any]
    origins: dict[str, str] = field(default_factory=dict)
    extended: dict[str, str] = field(default_factory=dict)


def resolved(content: Mapping[str, Any]) -> Resolved:
    """Return a configuration with what entries extend written into them, and their multiples worked out.

    Mappings in an entry, such as ``options``, are merged.

    Args:
        content: typed plain data; an entry that was taken away is null, and no other can extend it.

    Raises:
        UserError: a line for each entry that extends one that is not there or, in a circle, itself; and for each
            multiple that is no number above 0, or that is one of no number.
    """
    found = Resolved(dict(content))
    errors = []
    for group in GROUPS:
        entries = content.get(group)
        if not isinstance(entries, Mapping):
            continue
        found.content[group] = {}
        for name, entry in entries.items():
            try:
                found.content[group][name], origins = _entry(content, group, (name,))
            except UserError as error:
                errors.append(error)
                continue
            found.origins |= {f"{group}.{name}.{key}": origin for key, origin in origins.items()}
            if isinstance(entry, Mapping) and entry.get(EXTENDS):
                found.extended[f"{group}.{name}"] = ", ".join(_names(entry[EXTENDS]))
    if errors:
        raise UserErrors(list({str(error): error for error in errors}.values()))
    return found


def _entry(content: Mapping[str, Any], group: str, chain: tuple[str, ...]) -> tuple[Any, dict[str, str]]:
    """Return the last entry of a chain, each of which extends the next, with all that it has from further ones.

    Returns:
        The entry, and for each of its keys that was written elsewhere the dotted key there.
    """
    entry = content[group][chain[-1]]
    if not isinstance(entry, Mapping):
        return entry, {}
    where = f"{group}.{chain[-1]}."
    complete: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for extended in _names(entry.get(EXTENDS)):
        _check_extended(where, extended, content[group], chain)
        base, behind = _entry(content, group, (*chain, extended))
        if isinstance(base, Mapping):
            complete = _merged(complete, base)
            origins |= {key: behind.get(key, f"{group}.{extended}.{key}") for key in base}
    for key, value in entry.items():
        if key == EXTENDS:
            continue
        base = complete.get(key)
        origin = origins.pop(key, None)
        if base is None and group == "recipes" and key in OF_PHASE:
            base, origin = _of_phase(content, key), f"training.{key}"
        if isinstance(value, Mapping) and set(value) == {TIMES}:
            _check_keys(where, entry, group)
            if origin is not None:
                origins[key] = origin
        complete[key] = _worked_out(where + key, value, base, group)
    return complete, origins


def _names(extended: Any) -> Sequence[Any]:
    """Return what an entry extends as a list."""
    return [] if extended is None else extended if isinstance(extended, list) else [extended]


def _check_extended(where: str, extended: Any, entries: Mapping[str, Any], chain: tuple[str, ...]) -> None:
    """Raise UserError if an entry can't extend another one."""
    if extended == chain[-1] or (extended in chain and isinstance(extended, str)):
        raise UserError(where + EXTENDS, extended, "an entry cannot extend itself, directly or through others")
    if isinstance(extended, str) and extended in entries and entries[extended] is None:
        raise UserError(where + EXTENDS, repr(extended), "it is null here; give this entry its keys, or null it too")
    if not (isinstance(extended, str) and extended in entries):
        others = [name for name in entries if name not in chain]
        remedy = f"{did_you_mean(str(extended), others)}allowed: {', '.join(others) or 'none'}"
        raise UserError(where + EXTENDS, shortened(extended), remedy)


def _check_keys(where: str, entry: Mapping[str, Any], group: str) -> None:
    """Raise UserError for an unknown key: what it was meant to be may be what a multiple lacks."""
    known = {EXTENDS} | {key for section in GROUPS[group] for key in section.model_fields}
    for key in entry:
        if key not in known:
            remedy = f"{did_you_mean(key, known)}allowed: {', '.join(sorted(known))}"
            raise UserError(f"{where}{key}", "an unknown key", remedy)


def _of_phase(content: Mapping[str, Any], key: str) -> Any:
    """Return training's own value."""
    training = content.get("training")
    default = OptimizationConfig.model_fields[key].default
    return training.get(key, default) if isinstance(training, Mapping) else default


def _merged(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Return one mapping over another, as overlays merge."""
    both = {key: _merged(base[key], value) for key, value in top.items() if _are_mappings(base.get(key), value)}
    return {**base, **top, **both}


def _are_mappings(*values: Any) -> bool:
    return all(isinstance(value, Mapping) for value in values)


def _worked_out(where: str, value: Any, base: Any, group: str) -> Any:
    """Return a value of an entry: with what the extended entry has there, where both are mappings; its multiple."""
    if not isinstance(value, Mapping):
        return value
    if set(value) == {TIMES}:
        return _multiple(where, value[TIMES], base, whole=where.rpartition(".")[2] in _whole(group))
    inner = base if isinstance(base, Mapping) else {}
    own = {key: _worked_out(f"{where}.{key}", each, inner.get(key), group) for key, each in value.items()}
    return {**inner, **own}


def _multiple(where: str, times: Any, base: Any, whole: bool) -> Any:
    """Return a multiple of a number; ``whole``: rounded. What is no number is left to be told where it stands."""
    if isinstance(times, bool) or not isinstance(times, int | float) or not (times > 0 and math.isfinite(times)):
        raise UserError(f"{where}.{TIMES}", shortened(times), "allowed: a number > 0")
    if base is None or isinstance(base, bool):
        remedy = f"nothing to multiply: a multiple belongs into another entry that {EXTENDS} one with a number here"
        raise UserError(f"{where}.{TIMES}", str(times), remedy)
    if not isinstance(base, int | float):
        return base
    product = base * times
    if not math.isfinite(product):
        raise UserError(f"{where}.{TIMES}", str(times), f"expected less: {times} times {base} is too large a number")
    if whole or (isinstance(base, int) and product == int(product)):
        return int(product + 0.5)
    # Twelve digits: 0.1 times 0.003 is 0.0003, as one would have written it.
    return float(f"{product:.12g}")


def is_number(node: Mapping[str, Any], kinds: Sequence[str] = ("integer", "number")) -> bool:
    """Return whether a key takes a number (of these kinds), by its JSON schema."""
    return any(option.get("type") in kinds for option in node.get("anyOf", [node]))


def _whole(group: str) -> set[str]:
    """Return the keys of a group's entries that are whole numbers."""
    properties = [section.model_json_schema()["properties"] for section in GROUPS[group]]
    return {key for each in properties for key, node in each.items() if is_number(node, ["integer"])}

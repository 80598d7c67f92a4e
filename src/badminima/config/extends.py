"""Entries that extend others, and numbers that are given as a multiple of another one.

``l2_x3: {extends: l2, weight_decay: {times: 3}}`` is the recipe ``l2`` with three times its weight decay, whatever that
is. What a job is told is the entry as it reads when all of this is worked out.
"""

from collections.abc import Mapping
from typing import Any

from badminima.config.messages import did_you_mean, shortened
from badminima.config.training import OptimizationConfig
from badminima.errors import UserError

EXTENDS = "extends"
TIMES = "times"
# The groups whose entries may extend each other.
GROUPS = ("datasets", "models", "inits", "recipes")
# What a recipe may take in place of the phase's: a multiple of it, where no other recipe has one.
OF_PHASE = ("batch_size", "epochs")


def resolved(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration whose entries of these groups have all of their keys themselves.

    Args:
        content: typed plain data, without entries that were taken away.

    Raises:
        UserError: if an entry extends one that is not there or, in a circle, itself; if a multiple is no number above
            0, or is one of no number.
    """
    training = content.get("training")
    phase = {name: OptimizationConfig.model_fields[name].default for name in OF_PHASE}
    phase |= {name: training[name] for name in OF_PHASE if isinstance(training, Mapping) and name in training}
    groups = {}
    for group in GROUPS:
        if isinstance(entries := content.get(group), Mapping):
            of_phase = phase if group == "recipes" else {}
            groups[group] = {name: _entry(f"{group}.", entries, of_phase, (name,)) for name in entries}
    return {**content, **groups}


def inherited(content: Mapping[str, Any]) -> set[str]:
    """Return the dotted keys of resolved entries whose values come from entries that they extend."""
    complete = resolved(content)
    return {
        f"{group}.{name}.{key}"
        for group in GROUPS
        if isinstance(entries := content.get(group), Mapping)
        for name, entry in entries.items()
        if isinstance(entry, Mapping)
        for key in complete[group][name].keys() - entry.keys()
    }


def _entry(group: str, entries: Mapping[str, Any], phase: Mapping[str, Any], chain: tuple[str, ...]) -> Any:
    """Return the last entry of a chain, each of which extends the next, with all that it has from further ones."""
    entry = entries[chain[-1]]
    if not isinstance(entry, Mapping):
        return entry
    where = f"{group}{chain[-1]}."
    base: Mapping[str, Any] = {}
    if (extended := entry.get(EXTENDS)) is not None:
        if not (isinstance(extended, str) and extended in entries):
            near = did_you_mean(str(extended), entries)
            raise UserError(where + EXTENDS, shortened(extended), f"{near}allowed: {', '.join(entries)}")
        if extended in chain:
            raise UserError(where + EXTENDS, extended, "no entry can extend itself, by way of others neither")
        inherited = _entry(group, entries, phase, (*chain, extended))
        base = inherited if isinstance(inherited, Mapping) else {}
    own = {
        key: _number(f"{where}{key}", value, base.get(key, phase.get(key)))
        for key, value in entry.items()
        if key != EXTENDS
    }
    return {**base, **own}


def _number(where: str, value: Any, base: Any) -> Any:
    """Return a value, or the multiple of ``base`` that it asks for: a whole number of a whole one."""
    if not (isinstance(value, Mapping) and set(value) == {TIMES}):
        return value
    times = value[TIMES]
    if isinstance(times, bool) or not isinstance(times, int | float) or not times > 0:
        raise UserError(f"{where}.{TIMES}", shortened(times), "allowed: a number > 0")
    if isinstance(base, bool) or not isinstance(base, int | float):
        remedy = f"nothing to multiply: it {EXTENDS} no entry with a number here, nor is it {' or '.join(OF_PHASE)}"
        raise UserError(f"{where}.{TIMES}", str(times), remedy)
    product = base * times
    # Twelve digits: 0.1 times 0.003 is 0.0003, as one would have written it.
    return round(product) if isinstance(base, int) else float(f"{product:.12g}")

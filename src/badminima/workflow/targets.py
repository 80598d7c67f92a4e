"""Say what may have been meant by a target that a workflow does not have."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

# The targets that stand for an entry of the config: how their names begin, and the section that has the entries.
SECTIONS = {"fig_": "figures", "table_": "tables"}


def is_unknown(target: str, names: Collection[str]) -> bool:
    """Return whether a target is meant as the name of a rule and is none: files have a slash or an extension."""
    return bool(names) and not {"/", "."} & set(target) and target not in names


def advice(target: str, rules: Collection[str], presets: Path) -> str:
    """Return a line about an unknown target: the nearest name, which presets bring it, or what there is of its kind.

    Args:
        target: the name.
        rules: the rules that this config has.
        presets: the folder of presets, which may have more.
    """
    bringing = [str(preset) for preset in sorted(presets.rglob("*.yaml")) if target in _targets_of(preset)]
    if bringing:
        return f"target {target}: not in this config; --configfile {' or '.join(bringing)} brings it"
    near = get_close_matches(target, rules, n=3)
    if near:
        return f"target {target}: found no such target; did you mean {', '.join(near)}?"
    kind = target.split("_")[0] + "_"
    alike = sorted(rule for rule in rules if rule.startswith(kind))
    return f"target {target}: found no such target; this config has {', '.join(alike or sorted(rules))}"


def _targets_of(preset: Path) -> set[str]:
    """Return the targets of the figures and tables that a preset names."""
    content: Any = yaml.safe_load(preset.read_text(encoding="utf-8"))
    return {
        f"{prefix}{name}"
        for prefix, section in SECTIONS.items()
        if isinstance(entries := content.get(section), Mapping)
        for name, entry in entries.items()
        if entry is not None
    }

"""List the targets of a config, and say what may have been meant by one that it does not have."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from badminima.analysis.claims import GROUPS, claims_of
from badminima.config import Config
from badminima.config.registry import FIGURES

# The targets that stand for an entry of the config: how their names begin, and the section that has the entries.
SECTIONS = {"fig_": "figures", "table_": "tables"}
# What a config with the toy has without an entry.
TOY = {"fig_toy", "anim_toy", "fig_toy_mechanism"}
# What the first claim of a target says.
CLAIM_WORDS = {group: claims_of(group)[0].statement for group in GROUPS}
# The names that a misspelt one is answered with.
NEAREST = 3


def help_text(targets: Mapping[str, str], files: Iterable[Path]) -> str:
    """Return the list of targets, a line for each, and the config files that bring others.

    Args:
        targets: a line about each target, by its name.
        files: config files, presets and overlays.
    """
    width = max(map(len, targets))
    brought = {file: sorted(targets_of(file) - targets.keys()) for file in files}
    lines = [
        *(f"  {name:<{width}}  {words}" for name, words in targets.items()),
        "\nNot in this config",
        *(f"  {file}: {', '.join(names)}" for file, names in brought.items() if names),
        "\nType snakemake TARGET, and --configfile for what a preset brings; an overlay says on top of what.",
    ]
    return "\n".join(lines)


def question_of(config: Config, figure: str) -> str:
    """Return what a figure answers."""
    entry = config.figures[figure]
    return FIGURES.entry(entry.kind or figure).question or config.studies[entry.study].question


def advice(target: str, rules: Collection[str], presets: Path, lacking: Mapping[str, str]) -> str:
    """Return a line about an unknown target: which presets bring it, or the nearest names; nothing about a file.

    Args:
        target: the name.
        rules: the rules that this config has.
        presets: the folder of presets, which may have more.
        lacking: why this config can't make targets that it might have, by their names.
    """
    if {"/", "."} & set(target) or target in rules:
        return ""
    files = [presets.parent / "config.yaml", *sorted(presets.rglob("*.yaml"))]
    bringing = " or ".join(str(file) for file in files if target in targets_of(file))
    if bringing or target in lacking:
        because = f", as {lacking[target]}" if target in lacking else ""
        return f"target {target}: not in this config{because}" + f"; {bringing} has it" * bool(bringing)
    near = ", ".join(get_close_matches(target, rules, n=NEAREST))
    meant = f"did you mean {near}? " if near else ""
    return f"target {target}: found no such target; {meant}'snakemake help' lists all"


def targets_of(file: Path) -> set[str]:
    """Return the targets of the figures, tables, toy and studies of claims that a config file names."""
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    named = {
        f"{prefix}{name}"
        for prefix, section in SECTIONS.items()
        for name, entry in (content.get(section) or {}).items()
        if entry is not None
    }
    roles = {role for role, study in (content.get("claims") or {}).items() if study is not None}
    return (
        named
        | (TOY if content.get("toy") is not None else set())
        | {f"claim_{group}" for group in GROUPS if claims_of(group)[0].study in roles}
    )

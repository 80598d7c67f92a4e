"""List the targets of a config, and say what may have been meant by one that it does not have.

The words for targets stand in ``docs/reference/targets.md``: they are read from its tables.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from badminima.analysis.claims import GROUPS, claims_of
from badminima.analysis.claims.grids import undecidable
from badminima.config import Config
from badminima.config.registry import FIGURES
from badminima.experiment.runs import confusing_example

# The targets that stand for an entry of the config: how their names begin, and the section that has the entries.
SECTIONS = {"fig_": "figures", "table_": "tables"}
# The groups of targets that have a line for each of their names, in the order of the page.
EVERYTHING, FIGURE_GROUP, TABLE_GROUP, CLAIM_GROUP = "Everything", "Figures", "Tables for papers", "Claims"
# What a config with the toy has without an entry.
TOY = ("fig_toy", "anim_toy", "fig_toy_mechanism")
# A row of the page: names in backticks, and what they stand for.
HEADING, ROW = re.compile(r"## (.+)"), re.compile(r"\| (`[^|]+`) \| ([^|]+) \|")

# The names that a misspelt one is answered with.
NEAREST = 3

# The command in the head of a config file, and the files that it names.
ON_ANY = "Goes on top of any preset"
COMMAND = re.compile(r"^#.* --configfile ((?:\S+\.yaml ?)+)$", re.MULTILINE)


@dataclass(frozen=True)
class Target:
    """A target.

    Attributes:
        name: what one types.
        group: the heading of the page that it stands under.
        meaning: what it makes or answers, in a line.
    """

    name: str
    group: str
    meaning: str


def documented(page: str) -> list[Target]:
    """Return the targets that the text of the reference page has, in its order."""
    found, group, of_targets = [], "", False
    for line in page.splitlines():
        if heading := HEADING.match(line):
            group = heading[1]
        elif line.startswith("| ") and line.split(" | ")[0].strip("| ").isalpha():
            of_targets = line.startswith("| target |")
        elif of_targets and (row := ROW.match(line)):
            meaning = row[2].replace("`", "").strip()
            found += [Target(name, group, meaning) for name in re.findall(r"`(\w+)`", row[1])]
    return found


def configured(config: Config, page: str) -> list[Target]:
    """Return the targets of a config, a group after the other; claims that it can't decide are left out.

    Args:
        config: the configuration.
        page: the text of the reference page.
    """
    words = {target.name: target for target in documented(page)}
    figures = {f"fig_{name}": _question(config, name) for name in config.figures}
    figures |= {} if confusing_example(config) is None else {"fig_confusing": ""}
    figures |= {} if config.toy is None else dict.fromkeys(TOY, "")
    tables = {f"table_{name}": config.studies[table.study].question for name, table in config.tables.items()}
    claims = {f"claim_{group}": "" for group in GROUPS if undecidable(config, group) is None}
    always = {name: "" for name, target in words.items() if target.group == EVERYTHING}
    groups = {EVERYTHING: always, FIGURE_GROUP: figures, TABLE_GROUP: tables, CLAIM_GROUP: claims}
    return [
        Target(name, group, words[name].meaning if name in words else own)
        for group, names in groups.items()
        for name, own in names.items()
    ]


def elsewhere(present: Collection[str], page: str, files: Iterable[Path]) -> dict[Path, list[str]]:
    """Return the documented targets that a config lacks, by the config file that brings them.

    Args:
        present: the targets of the config.
        page: the text of the reference page.
        files: config files, presets and overlays.
    """
    absent = [target.name for target in documented(page) if target.name not in present]
    brought = {file: [name for name in absent if name in _targets_of(file)] for file in files}
    return {file: names for file, names in brought.items() if names}


def needed_files(file: Path) -> list[str]:
    """Return what ``--configfile`` names to use a config file: an overlay says in its head what it goes on top of.

    One that goes on top of any preset goes on top of what the user has.
    """
    if file.name == "config.yaml":
        return []
    text = file.read_text(encoding="utf-8")
    if ON_ANY in text:
        return [str(file), "on top"]
    command = COMMAND.search(text)
    return command[1].split() if command and "overlays" in file.parts else [str(file)]


def _question(config: Config, figure: str) -> str:
    """Return what a figure answers."""
    entry = config.figures[figure]
    return FIGURES.entry(entry.kind or figure).question or config.studies[entry.study].question


def is_unknown(target: str, names: Collection[str]) -> bool:
    """Return whether a target is meant as the name of a rule and is none: files have a slash or an extension."""
    return bool(names) and not {"/", "."} & set(target) and target not in names


def advice(target: str, rules: Collection[str], presets: Path, lacking: Mapping[str, str]) -> str:
    """Return a line about an unknown target: which presets bring it, or the nearest names.

    Args:
        target: the name.
        rules: the rules that this config has.
        presets: the folder of presets, which may have more.
        lacking: why this config can't make targets that it might have, by their names.
    """
    because = f", as {lacking[target]}" if target in lacking else ""
    if target in _targets_of(presets.parent / "config.yaml"):
        return f"target {target}: taken out of this config{because}; without --configfile it is there"
    bringing = [" ".join(needed_files(file)) for file in sorted(presets.rglob("*.yaml")) if target in _targets_of(file)]
    if bringing:
        return f"target {target}: not in this config{because}; --configfile {' or '.join(bringing)} brings it"
    near = get_close_matches(target, rules, n=NEAREST)
    meant = f"did you mean {', '.join(near)}? " if near else ""
    return f"target {target}: found no such target; {meant}'snakemake help' lists {len(rules) - len(near)} others"


def _targets_of(file: Path) -> set[str]:
    """Return the targets of the figures, tables, toy and studies of claims that a config file names."""
    content: Any = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    named = {
        f"{prefix}{name}"
        for prefix, section in SECTIONS.items()
        if isinstance(entries := content.get(section), Mapping)
        for name, entry in entries.items()
        if entry is not None
    }
    roles = {role for role, study in (content.get("claims") or {}).items() if study is not None}
    if (toy := content.get("toy")) is not None:
        named |= set(TOY)
        # Runs of its own may be too few for a claim.
        own = toy.get("runs")
        compared = [{recipe for _, recipe in claim.cells} for claim in claims_of("7")]
        if own is None or any(recipes <= own.keys() for recipes in compared):
            roles.add("toy")
    return named | {f"claim_{group}" for group in GROUPS if claims_of(group)[0].study in roles}

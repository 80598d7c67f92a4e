"""List the targets of a config, and say what may have been meant by one that it does not have."""

import re
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
# The headings of the list, and how the names begin that stand under them; others come first.
FAMILIES = {
    "Everything": ("",),
    "Figures": ("fig_", "anim_"),
    "Tables for papers": ("table_",),
    "Claims": ("claim_",),
}
# What a config with the toy has without an entry.
TOY = ("fig_toy", "anim_toy", "fig_toy_mechanism")

# What the claims of a target say together.
CLAIM_WORDS = {
    "1": "From the adversarial init vanilla SGD fits the training set, and generalizes worse than from random weights.",
    "2": "With all three regularizers the adversarial init costs nothing.",
    "size": "How much vanilla SGD loses by starting adversarially.",
    "3": "Two regularizers are enough to escape, one alone escapes only partly.",
    "4": "SGD with all three regularizers travels farther than vanilla SGD.",
    "5": "Bad minima are more complex and less robust.",
    "6": "The more copies R, the worse the minimum.",
    "7": "The same in the toy, where boundaries can be seen.",
    "b": "Label noise leads away from bad minima, to flatter ones (Damian et al.).",
    "control": "Scale alone does damage, is not all of it, and neither is longer training (not in the papers).",
}
# The names that a misspelt one is answered with.
NEAREST = 3

# The command in the head of a config file, and the files that it names.
ON_ANY = "Goes on top of any preset"
COMMAND = re.compile(r"^#.* --configfile ((?:\S+\.yaml ?)+)$", re.MULTILINE)


def help_text(targets: Mapping[str, str], files: Iterable[Path]) -> str:
    """Return the list of targets, a line for each, and the config files that bring others.

    Args:
        targets: a line about each target, by its name.
        files: config files, presets and overlays.
    """
    width = max(map(len, targets))
    waiting = dict(targets)
    families = {}
    for heading, start in reversed(FAMILIES.items()):
        families[heading] = {name: waiting.pop(name) for name in list(waiting) if name.startswith(start)}
    lines: list[str] = []
    for heading in FAMILIES:
        found = families[heading]
        lines += [heading, *(f"  {name:<{width}}  {words}" for name, words in found.items()), ""] if found else []
    brought = {file: sorted(targets_of(file) - targets.keys()) for file in files}
    if any(brought.values()):
        named = {file: needed_files(file) for file in brought}
        how = {
            file: f"--configfile {' '.join(words)}" if words else "without --configfile"
            for file, words in named.items()
        }
        lines += [
            "Not in this config",
            *(f"  {how[file]}: {', '.join(names)}" for file, names in brought.items() if names),
            "",
        ]
    return "\n".join([*lines, "Type snakemake TARGET, and --configfile for what a preset brings."])


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
    because = f", as {lacking[target]}" if target in lacking else ""
    if target in targets_of(presets.parent / "config.yaml"):
        return f"target {target}: taken out of this config{because}; without --configfile it is there"
    bringing = [" ".join(needed_files(file)) for file in sorted(presets.rglob("*.yaml")) if target in targets_of(file)]
    if bringing:
        return f"target {target}: not in this config{because}; --configfile {' or '.join(bringing)} brings it"
    near = get_close_matches(target, rules, n=NEAREST)
    meant = f"did you mean {', '.join(near)}? " if near else ""
    return f"target {target}: found no such target; {meant}'snakemake help' lists {len(rules) - len(near)} others"


def targets_of(file: Path) -> set[str]:
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

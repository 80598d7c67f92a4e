"""Entries of a config that no run needs."""

from collections.abc import Iterable, Mapping
from typing import Any

from badminima.config import Config, RunInit
from badminima.experiment.runs import all_runs

SECTIONS = ("datasets", "models", "inits", "recipes")


def unused(config: Config, shipped: Iterable[Any], own: list[Any]) -> list[str]:
    """Return a line for each entry that files of the user's own add and no study needs.

    Args:
        config: the merged configuration.
        shipped: the contents of the repository's config files, whose entries a copy may leave aside; read only where
            something is unused.
        own: the contents of the user's own config files, and of ``--config``.
    """
    needed = _needed(config)
    found = [
        (section, name)
        for section in SECTIONS
        for name in getattr(config, section)
        if name not in needed[section] and any(name in _entries(content, section) for content in own)
    ]
    known = list(shipped) if found else []
    return [
        f"{section}.{name}: no study uses it; add it to the {section} of one, or of the grid"
        for section, name in found
        if not any(name in _entries(content, section) for content in known)
    ]


def _entries(content: Any, section: str) -> Mapping[str, Any]:
    """Return the entries of a section; those of a file that is no config, as importing workflows have, are none."""
    entries = content.get(section) if isinstance(content, Mapping) else None
    return entries if isinstance(entries, Mapping) else {}


def _needed(config: Config) -> dict[str, set[str]]:
    """Return the entries that runs are made of, and those behind their starts."""
    runs = all_runs(config)
    recipes, waiting = {run.recipe for run in runs}, {run.init for run in runs}
    inits: set[str] = set()
    while waiting:
        name = waiting.pop()
        inits.add(name)
        entry = config.inits[name]
        behind = {getattr(entry, field, None) for field in ("start", "like", "epochs_like")}
        waiting |= {other for other in behind if other is not None} - inits
        if isinstance(entry, RunInit):
            recipes.add(entry.recipe)
    datasets, models = {run.dataset for run in runs}, {run.model for run in runs}
    return {"datasets": datasets, "models": models, "inits": inits, "recipes": recipes}

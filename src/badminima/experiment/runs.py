"""Runs: a run is one training (dataset, model, init, recipe, seed), a study a grid of them; and what they start from.

Two studies that hold the same run share it, because it has the same path.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from badminima.config import AdversarialInit, Config, InitConfig, RandomInit, RescaledInit, RunInit, StudyConfig
from badminima.errors import UserError

# All seeds of one init and recipe, for a dataset and model that are known.
Cell = tuple[str, str]


@dataclass(frozen=True, order=True)
class Run:
    """One training, identified by the five coordinates that name its folder."""

    dataset: str
    model: str
    init: str
    recipe: str
    seed: int | str


def study_runs(study: StudyConfig, cells: Mapping[str, Collection[str]] | None = None) -> list[Run]:
    """Return the runs of a study, in the order of its lists; ``cells`` (init -> recipes) chooses some of them."""
    runs = [Run(*cell) for cell in product(study.datasets, study.models, study.inits, study.recipes, study.seeds)]
    runs = [run for run in runs if study.has(run.init, run.recipe)]
    return [run for run in runs if cells is None or run.recipe in cells.get(run.init, ())]


def all_runs(config: Config) -> list[Run]:
    """Every run of every study, each once."""
    return list(dict.fromkeys(run for study in config.studies.values() for run in study_runs(study)))


def zoo_study(config: Config) -> StudyConfig:
    """Return the part of the claims' study that the zoo exports."""
    study = config.studies[config.claims.study]
    chosen = {"recipes": config.zoo.recipes, "inits": config.zoo.inits, "seeds": config.zoo.seeds or study.seeds[:1]}
    return study.model_copy(update={axis: names for axis, names in chosen.items() if names})


def run_behind(inits: Mapping[str, InitConfig], run: Run) -> Run | None:
    """Return the run whose end point a run starts from, if its init is one."""
    entry = inits.get(run.init)
    return replace(run, init=entry.start, recipe=entry.recipe) if isinstance(entry, RunInit) else None


def with_runs_behind(inits: Mapping[str, InitConfig], runs: list[Run]) -> list[Run]:
    """Return some runs and all that they rest on, each once."""
    found = dict.fromkeys(runs)
    for run in runs:
        while (behind := run_behind(inits, run)) is not None:
            found[behind] = None
            run = behind
    return list(found)


def root_of(inits: Mapping[str, InitConfig], init: str) -> str:
    """Return the init at the root of a chain of runs; an init that is no end of a run is its own."""
    while isinstance(entry := inits.get(init), RunInit):
        init = entry.start
    return init


def random_behind(inits: Mapping[str, InitConfig], init: str) -> str:
    """Return the random init that an init is, or is made of in the end."""
    while not isinstance(entry := inits[init], RandomInit):
        init = entry.start
    return init


def reference_of(config: Config, run: Run) -> Run:
    """Return the run that a run is compared with: the same recipe and seed from the random weights behind its init."""
    return replace(run, init=random_behind(config.inits, run.init))


def pretrained_inits(config: Config, study: StudyConfig) -> list[str]:
    """Return the pretrainings that the inits of a study are, or are made of."""
    return list(dict.fromkeys(behind for name in study.inits if (behind := pretraining_behind(config, name))))


def pretraining_behind(config: Config, init: str) -> str | None:
    """Return the adversarial init that an init is, takes its scale from, is made of, or comes from through runs."""
    return next(iter(pretrainings_needed(config, init)), None)


def pretrainings_needed(config: Config, init: str) -> list[str]:
    """Return the adversarial inits that are trained before runs from an init can start."""
    root = root_of(config.inits, init)
    entry = config.inits[root]
    made_of = [entry.start, entry.like] if isinstance(entry, RescaledInit) else [root]
    found = {name: made for name in made_of if isinstance(made := config.inits[name], AdversarialInit)}
    ends = [made.epochs_like for made in found.values() if made.epochs_like is not None]
    return list(dict.fromkeys([*found, *ends]))


def confusing_example(config: Config) -> tuple[str, str, int] | None:
    """Dataset, init and seed of the confusing set that is drawn: the first of the claims' study with random labels."""
    study = config.studies[config.claims.study]
    random = [
        name
        for name in study.inits
        if isinstance(init := config.inits[name], AdversarialInit) and init.label_fraction > 0
    ]
    return (study.datasets[0], random[0], study.seeds[0]) if random else None


def unused(config: Config, shipped: Iterable[Any]) -> list[str]:
    """Return a line for each entry that no study needs and that no shipped config file has: it is the user's own.

    Args:
        config: the merged configuration.
        shipped: the contents of the repository's config files; read only while something is left that they may have.
    """
    needed = _needed(config)
    found = [(section, name) for section in needed for name in getattr(config, section) if name not in needed[section]]
    for content in shipped if found else ():
        # A file of an importing workflow may be no config.
        sections = content if isinstance(content, Mapping) else {}
        found = [(section, name) for section, name in found if name not in (sections.get(section) or ())]
        if not found:
            break
    return [
        f"{section}.{name}: no study uses it; add it to the {section} of one, or of the grid" for section, name in found
    ]


def _needed(config: Config) -> dict[str, set[str]]:
    """Return the entries that runs are made of, and those behind their starts."""
    runs = with_runs_behind(config.inits, all_runs(config))
    inits: set[str] = set()
    waiting = {run.init for run in runs}
    while waiting:
        inits |= waiting
        entries = [config.inits[name] for name in waiting]
        behind = (getattr(entry, field, None) for entry in entries for field in ("start", "like", "epochs_like"))
        waiting = {name for name in behind if name is not None} - inits
    return {
        "datasets": {run.dataset for run in runs},
        "models": {run.model for run in runs},
        "inits": inits,
        "recipes": {run.recipe for run in runs},
    }


def require_known(name: str, known: Iterable[str], where: Path) -> None:
    """Make sure that ``a/b/c`` is among the known names of this form; raises UserError with those that are.

    Args:
        name: what was asked for.
        known: the names that there are, each of as many parts.
        where: the folder that they are paths in.
    """
    others = [other.split("/") for other in known]
    for depth, part in enumerate(parts := name.split("/")):
        there = {other[depth] for other in others if other[:depth] == parts[:depth] and len(other) > depth}
        if part not in there:
            raise UserError(where.joinpath(*parts[:depth]), f"no {part!r}", f"there: {listed(sorted(there))}")
    if parts not in others:
        raise UserError(where / name, "the beginning of a name", "expected dataset/model/init/recipe/seedN")


def listed(names: Iterable[str]) -> str:
    """Names as part of a sentence."""
    return ", ".join(names) or "none"

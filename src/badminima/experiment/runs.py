"""Runs: a run is one training (dataset, model, init, recipe, seed), a study a grid of them.

Two studies that hold the same run share it, because it has the same path.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product

from badminima.config import Config, StudyConfig

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

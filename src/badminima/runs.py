"""Runs, their settings, and the path of everything on disk. Pure and fast: no torch, no file access.

A run is one training: (dataset, model, init, recipe, seed). Two studies that hold the same run share it,
because it is the same path. ``Paths`` is given plain values by library code and ``{wildcards}`` by rules.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from badminima.config import AdversarialInit, Config, InitConfig, RandomInit, RescaledInit, RunInit, StudyConfig
from badminima.config.registry import DIAGNOSTICS

# What a run leaves in its folder.
RUN_FILES = ("weights.safetensors", "history.csv", "run.json", "predictions.safetensors")


@dataclass(frozen=True, order=True)
class Run:
    """One training, identified by the five coordinates that name its folder."""

    dataset: str
    model: str
    init: str
    recipe: str
    seed: int | str


def study_runs(study: StudyConfig, cells: Mapping[str, Collection[str]] | None = None) -> list[Run]:
    """The runs of a study, in the order of its lists; ``cells`` (init -> recipes) chooses some of them."""
    runs = [Run(*cell) for cell in product(study.datasets, study.models, study.inits, study.recipes, study.seeds)]
    return [run for run in runs if cells is None or run.recipe in cells.get(run.init, ())]


def all_runs(config: Config) -> list[Run]:
    """Every run of every study, each once."""
    return list(dict.fromkeys(run for study in config.studies.values() for run in study_runs(study)))


class Paths:
    """Where everything lies under the results folder."""

    def __init__(self, results: str | Path) -> None:
        self.results = Path(results)

    def prepared(self, dataset: str) -> Path:
        """The prepared dataset."""
        return self.results / "data" / f"{dataset}.safetensors"

    def confusing(self, dataset: str, init: str, seed: int | str) -> Path:
        """The confusing set that the adversarial init called ``init`` is trained on."""
        return self.results / "confusing" / dataset / init / f"seed{seed}.safetensors"

    def init(self, dataset: str, model: str, init: str, seed: int | str) -> Path:
        """Folder of an init's weights (and of its history and record, where it was trained)."""
        return self.results / "inits" / dataset / model / init / f"seed{seed}"

    def run(self, run: Run) -> Path:
        """Folder of one run."""
        return self.results / "runs" / run.dataset / run.model / run.init / run.recipe / f"seed{run.seed}"

    def start(self, inits: Mapping[str, InitConfig], dataset: str, model: str, init: str, seed: int | str) -> Path:
        """The weights that runs from an init start from: its own, or those that another run ended at.

        Args:
            inits: the config's; one that is not among them has weights of its own.
            dataset, model, init, seed: of the run that starts.
        """
        entry = inits.get(init)
        if isinstance(entry, RunInit):
            return self.run(Run(dataset, model, entry.start, entry.recipe, seed)) / "weights.safetensors"
        return self.init(dataset, model, init, seed) / "weights.safetensors"

    def tables(self, study: str) -> Path:
        """Folder of a study's tables."""
        return self.results / "tables" / study

    def claims(self, group: str) -> Path:
        """Folder of the tables that the claims of one target alone are read from."""
        return self.results / "claims" / f"claim_{group}"

    def verdicts(self, group: str, extension: str) -> Path:
        """The verdicts of one target's claims."""
        return self.results / "claims" / f"claim_{group}.{extension}"

    def figure(self, name: str, extension: str) -> Path:
        """A figure's file; ``csv`` is the table of what it shows."""
        return self.results / "figures" / f"fig_{name}.{extension}"

    def paper_table(self, name: str, extension: str) -> Path:
        """A table for a paper; ``csv`` holds the numbers that it shows."""
        return self.results / "tables" / f"table_{name}.{extension}"

    def animation(self, name: str) -> Path:
        """An animation."""
        return self.results / "figures" / f"anim_{name}.gif"

    def toy(self) -> Path:
        """Folder of the toy experiment."""
        return self.results / "toy"


def run_behind(inits: Mapping[str, InitConfig], run: Run) -> Run | None:
    """The run whose end point a run starts from, if its init is one."""
    entry = inits.get(run.init)
    return replace(run, init=entry.start, recipe=entry.recipe) if isinstance(entry, RunInit) else None


def with_runs_behind(inits: Mapping[str, InitConfig], runs: list[Run]) -> list[Run]:
    """Some runs and all that they rest on, each once."""
    found = dict.fromkeys(runs)
    for run in runs:
        while (behind := run_behind(inits, run)) is not None:
            found[behind] = None
            run = behind
    return list(found)


def root_of(inits: Mapping[str, InitConfig], init: str) -> str:
    """The init that the first of the runs behind an init starts from: itself, where there are none."""
    while isinstance(entry := inits.get(init), RunInit):
        init = entry.start
    return init


def random_behind(inits: Mapping[str, InitConfig], init: str) -> str:
    """The random init that an init is, or is made of in the end."""
    root = root_of(inits, init)
    entry = inits[root]
    return root if isinstance(entry, RandomInit) else entry.start


def zoo_study(config: Config) -> StudyConfig:
    """What of the claims' study is exported."""
    study = config.studies[config.claims.study]
    chosen = {"recipes": config.zoo.recipes, "inits": config.zoo.inits, "seeds": config.zoo.seeds or study.seeds[:1]}
    return study.model_copy(update={axis: names for axis, names in chosen.items() if names})


def pretrained_inits(config: Config, study: StudyConfig) -> list[str]:
    """The pretrainings that the inits of a study are, or are made of."""
    return list(dict.fromkeys(behind for name in study.inits if (behind := pretraining_behind(config, name))))


def pretraining_behind(config: Config, init: str) -> str | None:
    """The adversarial init that an init is, takes its norms from, or comes from by way of other runs."""
    root = root_of(config.inits, init)
    entry = config.inits[root]
    if isinstance(entry, RescaledInit):
        return entry.like
    return root if isinstance(entry, AdversarialInit) else None


def measurements_of(config: Config, stage: str) -> list[str]:
    """The configured measurements that a stage makes."""
    return [name for name in config.diagnostics if DIAGNOSTICS.entry(name).stage == stage]


def along_run(config: Config, run: Run) -> list[str]:
    """What is measured along a run: what any study that has it asks for."""
    return _along(config, lambda study: run.init in study.inits and run.recipe in study.recipes, run)


def along_pretraining(config: Config, dataset: str, model: str, init: str, seed: int) -> list[str]:
    """What is measured along a pretraining: what any study asks for that has an init made of it."""
    run = Run(dataset, model, init, "", seed)
    return _along(config, lambda study: init in pretrained_inits(config, study), run)


def _along(config: Config, has: Callable[[StudyConfig], bool], run: Run) -> list[str]:
    """The measurements along what some studies have, in the order of the registry."""
    names = {
        name
        for study in config.studies.values()
        if study.along and run.dataset in study.datasets and run.model in study.models and run.seed in study.seeds
        if has(study)
        for name in study.along
    }
    return [name for name in DIAGNOSTICS.names if name in names]


def landscapes(config: Config, study: StudyConfig) -> dict[str, list[str]]:
    """The cells of a study whose first seed's surroundings are measured: pretrained inits -> the chosen recipes."""
    if not measurements_of(config, "landscape"):
        return {}
    chosen = {**DIAGNOSTICS.entry("landscape").options, **config.measuring.options.get("landscape", {})}["recipes"]
    return {
        init: [recipe for recipe in study.recipes if recipe in chosen]
        for init in study.inits
        if isinstance(config.inits[init], AdversarialInit)
    }


def landscape_runs(study: StudyConfig, cells: Mapping[str, list[str]]) -> list[Run]:
    """The runs of a study whose surroundings are measured."""
    return [run for run in study_runs(study) if run.recipe in cells.get(run.init, []) and run.seed == study.seeds[0]]


def reference_of(config: Config, run: Run) -> Run:
    """The run that a run is compared with: the same recipe and seed from the random weights behind its init."""
    assert not isinstance(config.inits[run.init], RandomInit)
    return replace(run, init=random_behind(config.inits, run.init))


def compared_inits(config: Config, study: StudyConfig) -> list[str]:
    """The inits of a study whose runs are compared: those made of random weights that the study starts from too."""
    if not measurements_of(config, "compare"):
        return []
    made = [name for name in study.inits if not isinstance(config.inits[name], RandomInit)]
    return [name for name in made if random_behind(config.inits, name) in study.inits]

"""Runs, their settings, and the path of everything on disk. Pure and fast: no torch, no file access.

A run is one training: (dataset, model, init, recipe, seed). Two studies that hold the same run share it,
because it is the same path. ``Paths`` is given plain values by library code and ``{wildcards}`` by rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from badminima.config import (
    AdversarialInit,
    AugmentationConfig,
    Config,
    MeasuringConfig,
    ModelConfig,
    NumericsConfig,
    OptimizationConfig,
    RandomInit,
    RecipeConfig,
    RescaledInit,
    Section,
    StatisticsConfig,
    StudyConfig,
    ToyConfig,
)
from badminima.registry import DIAGNOSTICS

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


def study_runs(study: StudyConfig) -> list[Run]:
    """The runs of a study, in the order of its lists."""
    return [Run(*cell) for cell in product(study.datasets, study.models, study.inits, study.recipes, study.seeds)]


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

    def tables(self, study: str) -> Path:
        """Folder of a study's tables."""
        return self.results / "tables" / study

    def figure(self, name: str, extension: str) -> Path:
        """A figure's file; ``csv`` is the table of what it shows."""
        return self.results / "figures" / f"fig_{name}.{extension}"

    def animation(self, name: str) -> Path:
        """An animation."""
        return self.results / "figures" / f"anim_{name}.gif"

    def toy(self) -> Path:
        """Folder of the toy experiment."""
        return self.results / "toy"


# Every section of settings has a revision: raised by hand when the stage's code changes its results, so that old
# results are made anew and no cache offers them.


class PrepareSettings(Section):
    """What the preparation of a dataset depends on, beside its raw files."""

    revision: int = 1
    dataset: str
    source: str
    options: dict[str, Any] = Field({})
    train_size: int | None
    validation_size: int
    evaluate_on: Literal["test", "validation"]
    root_seed: int


class ConfuseSettings(Section):
    """What a confusing set depends on, beside the prepared dataset."""

    revision: int = 1
    dataset: str
    replication: int
    noise: float
    zeroing: Literal["values", "pixels"]
    root_seed: int
    seed: int


class InitializeSettings(Section):
    """What random initial weights depend on, beside the shape of the data."""

    revision: int = 1
    model: ModelConfig
    dataset: str
    model_name: str
    gain: float = 1.0
    root_seed: int
    seed: int


class TrainSettings(Section):
    """What one training depends on, beside its data and start weights."""

    revision: int = 1
    phase: Literal["pretrain", "train"]
    dataset: str
    model_name: str
    init: str
    recipe_name: str
    seed: int
    root_seed: int
    model: ModelConfig
    recipe: RecipeConfig
    augmentation: AugmentationConfig | None
    optimization: OptimizationConfig
    device: Literal["auto", "cpu", "cuda"]
    numerics: NumericsConfig = NumericsConfig()

    @model_validator(mode="after")
    def _augmentation_is_said_twice(self) -> "TrainSettings":
        if self.recipe.augmentation != (self.augmentation is not None):
            raise ValueError("augmentation is to be given exactly where recipe.augmentation is true")
        return self


class DiagnoseSettings(Section):
    """What the measurements of a run depend on, beside its files."""

    revision: int = 1
    dataset: str
    model_name: str
    init: str
    recipe_name: str
    seed: int
    root_seed: int
    model: ModelConfig
    device: Literal["auto", "cpu", "cuda"]
    measurements: list[str] = Field([])
    images: int = MeasuringConfig().images
    options: dict[str, dict[str, Any]] = Field({})


class CollectSettings(Section):
    """What a study's tables depend on, beside the runs' own files: its grid, and which of it has more than that."""

    study: StudyConfig
    pretrained: list[str]
    compared: list[str] = Field([])
    landscapes: dict[str, list[str]] = Field({})
    statistics: StatisticsConfig
    root_seed: int


class FigureSettings(Section):
    """What a figure depends on, beside its study's tables: which recipes and inits it shows, in this order."""

    draw: str
    recipes: list[str]
    inits: list[str]


class ClaimsSettings(Section):
    """What the verdicts depend on, beside the study's tables: statistics, and the pretraining behind each init."""

    behind: dict[str, str | None] = Field({})
    statistics: StatisticsConfig
    root_seed: int


class ToySettings(Section):
    """What the toy experiment depends on."""

    revision: int = 1
    toy: ToyConfig
    root_seed: int


class ToyFigureSettings(Section):
    """What the toy's figure depends on, beside its results: how intervals are computed."""

    statistics: StatisticsConfig
    root_seed: int


def prepare_settings(config: Config, dataset: str) -> PrepareSettings:
    """Settings of ``prepare_data``."""
    entry = config.datasets[dataset]
    return PrepareSettings(
        dataset=dataset,
        source=entry.source,
        options=entry.options,
        train_size=entry.train_size,
        validation_size=entry.validation_size,
        evaluate_on=entry.evaluate_on,
        root_seed=config.seed,
    )


def confuse_settings(config: Config, dataset: str, init: str, seed: int) -> ConfuseSettings:
    """Settings of ``confuse`` for an adversarial init."""
    entry = config.inits[init]
    assert isinstance(entry, AdversarialInit)
    return ConfuseSettings(
        dataset=dataset,
        replication=entry.replication,
        noise=entry.noise,
        zeroing=entry.zeroing,
        root_seed=config.seed,
        seed=seed,
    )


def initialize_settings(config: Config, dataset: str, model: str, init: str, seed: int) -> InitializeSettings:
    """Settings of ``initialize`` for a random init."""
    entry = config.inits[init]
    assert isinstance(entry, RandomInit)
    return InitializeSettings(
        model=config.models[model],
        dataset=dataset,
        model_name=model,
        gain=entry.gain,
        root_seed=config.seed,
        seed=seed,
    )


def pretrain_settings(config: Config, dataset: str, model: str, init: str, seed: int) -> TrainSettings:
    """Settings of ``pretrain``: vanilla SGD on the confusing set, until its target accuracy."""
    return TrainSettings(
        phase="pretrain",
        dataset=dataset,
        model_name=model,
        init=init,
        recipe_name="vanilla",
        seed=seed,
        root_seed=config.seed,
        model=config.models[model],
        recipe=RecipeConfig(),
        augmentation=None,
        optimization=config.pretraining,
        device=config.device,
        numerics=config.numerics,
    )


def train_settings(config: Config, run: Run) -> TrainSettings:
    """Settings of ``train``. Augmentation is part of them only where the recipe uses it."""
    recipe = config.recipes[run.recipe]
    return TrainSettings(
        phase="train",
        dataset=run.dataset,
        model_name=run.model,
        init=run.init,
        recipe_name=run.recipe,
        seed=int(run.seed),
        root_seed=config.seed,
        model=config.models[run.model],
        recipe=recipe,
        augmentation=config.datasets[run.dataset].augmentation if recipe.augmentation else None,
        optimization=config.training,
        device=config.device,
        numerics=config.numerics,
    )


def diagnose_settings(config: Config, run: Run, stage: str = "diagnose") -> DiagnoseSettings:
    """Settings of ``diagnose``, ``compare`` or ``landscape``, each with its own measurements."""
    names = measurements_of(config, stage)
    return DiagnoseSettings(
        dataset=run.dataset,
        model_name=run.model,
        init=run.init,
        recipe_name=run.recipe,
        seed=int(run.seed),
        root_seed=config.seed,
        model=config.models[run.model],
        device=config.device,
        measurements=names,
        images=config.measuring.images,
        options={name: config.measuring.options[name] for name in names if name in config.measuring.options},
    )


def collect_settings(config: Config, study: str) -> CollectSettings:
    """Settings of ``collect``."""
    entry = config.studies[study]
    return CollectSettings(
        study=entry,
        pretrained=pretrained_inits(config, entry),
        compared=compared_inits(config, entry),
        landscapes=landscapes(config, entry),
        statistics=config.statistics,
        root_seed=config.seed,
    )


def figure_settings(config: Config, figure: str) -> FigureSettings:
    """Settings of a figure."""
    entry = config.figures[figure]
    study = config.studies[entry.study]
    return FigureSettings(
        draw=entry.draw or figure, recipes=entry.recipes or study.recipes, inits=entry.inits or study.inits
    )


def claims_settings(config: Config) -> ClaimsSettings:
    """Settings of ``claims``."""
    behind = {init: pretraining_behind(config, init) for init in config.studies[config.claims.study].inits}
    return ClaimsSettings(behind=behind, statistics=config.statistics, root_seed=config.seed)


def toy_settings(config: Config) -> ToySettings:
    """Settings of ``toy``, where the config has it."""
    assert config.toy is not None
    return ToySettings(toy=config.toy, root_seed=config.seed)


def toy_figure_settings(config: Config) -> ToyFigureSettings:
    """Settings of ``fig_toy``."""
    return ToyFigureSettings(statistics=config.statistics, root_seed=config.seed)


def zoo_study(config: Config) -> StudyConfig:
    """What of the claims' study is exported."""
    study = config.studies[config.claims.study]
    chosen = {"recipes": config.zoo.recipes, "inits": config.zoo.inits, "seeds": config.zoo.seeds or study.seeds[:1]}
    return study.model_copy(update={axis: names for axis, names in chosen.items() if names})


def pretrained_inits(config: Config, study: StudyConfig) -> list[str]:
    """The pretrainings that the inits of a study are, or are made of."""
    return list(dict.fromkeys(behind for name in study.inits if (behind := pretraining_behind(config, name))))


def pretraining_behind(config: Config, init: str) -> str | None:
    """The adversarial init that an init is, or takes its norms from."""
    entry = config.inits[init]
    if isinstance(entry, RescaledInit):
        return entry.like
    return init if isinstance(entry, AdversarialInit) else None


def measurements_of(config: Config, stage: str) -> list[str]:
    """The configured measurements that a stage makes."""
    return [name for name in config.diagnostics if DIAGNOSTICS.entry(name).stage == stage]


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
    entry = config.inits[run.init]
    assert not isinstance(entry, RandomInit)
    return replace(run, init=entry.start)


def compared_inits(config: Config, study: StudyConfig) -> list[str]:
    """The inits of a study whose runs are compared: those made of random weights that the study starts from too."""
    if not measurements_of(config, "compare"):
        return []
    entries = {name: config.inits[name] for name in study.inits}
    return [name for name, entry in entries.items() if not isinstance(entry, RandomInit) and entry.start in study.inits]

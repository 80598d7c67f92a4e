"""Settings: what the results of each stage depend on, beside its files. Jobs read them as JSON.

A class per stage; its ``of`` cuts the settings of a job out of the config. No torch, no file access.
A job is run again when the text of its settings changes. Defaults are left out of it, so a new field that is off
changes nothing. Raise the ``revision``, which is never left out, when a default or the stage's results change.
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field

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
    Section,
    StatisticsConfig,
    StudyConfig,
    ToyConfig,
    Zeroing,
)
from badminima.config.base import without_defaults
from badminima.config.checks import doses_of, parts_of
from badminima.config.registry import ARCHITECTURES, DIAGNOSTICS, SOURCES, TABLES, EntryWithOptions
from badminima.config.studies import Doses, SeedParts
from badminima.config.training import BASELINE_RECIPE
from badminima.experiment.measured import along, compared_inits, landscapes, measurements_of
from badminima.experiment.runs import Run, pretrained_inits

# Shared by what is measured at the end of a run and what is measured along its way.
# 2: images are normalized as trainings normalize them, which rounds differently in the last bits.
# 3: the noise covariance is that of the noise alone; standard errors; unbiased CKA.
# 4: a GPU searches attacks in tf32.
MEASUREMENTS_REVISION = 4
# 4: rows name the digest of the weights that the run ended at.
LANDSCAPE_REVISION = 4


class Settings(Section):
    """Base of the settings of a stage."""

    revision: int = 1

    @classmethod
    def of_config(cls, config: Config, section: Section | None = None, **own: Any) -> Self:
        """Return settings whose fields are those given, or else those of that name in a section or in the config."""
        values = {**vars(config), "root_seed": config.seed, **vars(section or config), **own}
        return cls(**{name: value for name, value in values.items() if name in cls.model_fields})


class PrepareSettings(Settings):
    """Settings of the preparation of a dataset, beside its raw files."""

    dataset: str
    source: str
    options: dict[str, Any] = Field({})
    train_size: int | None
    validation_size: int
    test_size: int | None = None
    evaluate_on: Literal["test", "validation"]
    root_seed: int

    @classmethod
    def of(cls, config: Config, dataset: str) -> Self:
        """Return the settings of ``prepare_data``."""
        entry = config.datasets[dataset]
        options = _written(SOURCES.entry(entry.source), entry.options)
        return cls.of_config(config, entry, dataset=dataset, options=options)


class ConfuseSettings(Settings):
    """Settings of a confusing set, beside the prepared dataset."""

    dataset: str
    replication: int
    noise: float
    zeroing: Zeroing
    label_fraction: float = 1.0
    root_seed: int
    seed: int

    @classmethod
    def of(cls, config: Config, dataset: str, init: str, seed: int) -> Self:
        """Return the settings of ``confuse`` for an adversarial init."""
        entry = config.inits[init]
        assert isinstance(entry, AdversarialInit)
        own = seed if entry.confusing_seed is None else entry.confusing_seed
        return cls.of_config(config, entry, dataset=dataset, seed=own)


class InitializeSettings(Settings):
    """Settings of random initial weights, beside the shape of the data."""

    model: ModelConfig
    dataset: str
    model_name: str
    gain: float = 1.0
    root_seed: int
    seed: int

    @classmethod
    def of(cls, config: Config, dataset: str, model: str, init: str, seed: int) -> Self:
        """Return the settings of ``initialize`` for a random init."""
        entry = config.inits[init]
        assert isinstance(entry, RandomInit)
        own = seed if entry.seed is None else entry.seed
        return cls.of_config(config, entry, model=_model(config, model), dataset=dataset, model_name=model, seed=own)


class RescaleSettings(Settings):
    """Settings of rescaled initial weights, beside the weights that they are made of and the data."""

    model: ModelConfig
    norms: Literal["tensors", "total", "kept"] = "tensors"
    logits: bool = True

    @classmethod
    def of(cls, config: Config, dataset: str, model: str, init: str, seed: int) -> Self:
        """Return the settings of ``rescale`` for a rescaled init."""
        return cls.of_config(config, config.inits[init], model=_model(config, model))


class AlongSettings(Settings):
    """Settings of measurements at every evaluated epoch of a training."""

    revision: int = MEASUREMENTS_REVISION
    measurements: list[str]
    images: int = MeasuringConfig().images
    options: dict[str, dict[str, Any]] = Field({})

    @classmethod
    def of(cls, config: Config, run: Run) -> Self | None:
        """Return how something is measured along a training; None where nothing is."""
        names = along(config, run)
        if not names:
            return None
        return cls.of_config(config, config.measuring, measurements=names, options=_options(config, names))


class TrainSettings(Settings):
    """Settings of one training, beside its data and start weights."""

    # 3: run.json holds the digests of what a run was made from and of what it left.
    revision: int = 3
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
    along: AlongSettings | None = None
    epochs_like: str | None = Field(None, description="Of a pretraining: the init whose number of epochs it trains.")

    @property
    def batch_size_key(self) -> str:
        """The key of the config that the batch size comes from, for messages."""
        own = self.recipe.batch_size is not None
        return f"recipes.{self.recipe_name}.batch_size" if own else f"{self.phase}ing.batch_size"

    @classmethod
    def of(cls, config: Config, run: Run) -> Self:
        """Return the settings of ``train``. Augmentation is part of them only where the recipe uses it."""
        recipe = config.recipes[run.recipe]
        return cls.of_config(
            config,
            **_of_run(config, run),
            phase="train",
            recipe=recipe,
            augmentation=config.datasets[run.dataset].augmentation if recipe.augmentation else None,
            optimization=config.training.with_recipe(recipe),
            along=AlongSettings.of(config, run),
        )

    @classmethod
    def of_pretraining(cls, config: Config, dataset: str, model: str, init: str, seed: int) -> Self:
        """Return the settings of ``pretrain``: vanilla SGD on the confusing set, to its target or for given epochs."""
        return cls.of_config(
            config,
            config.inits[init],
            **_of_run(config, Run(dataset, model, init, BASELINE_RECIPE, seed)),
            phase="pretrain",
            recipe=RecipeConfig(),
            augmentation=None,
            optimization=config.pretraining,
            along=AlongSettings.of(config, Run(dataset, model, init, "", seed)),
        )


class DiagnoseSettings(Settings):
    """Settings of the measurements of a run, beside its files."""

    revision: int = MEASUREMENTS_REVISION
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

    @classmethod
    def of(cls, config: Config, run: Run, stage: str = "diagnose") -> Self:
        """Return the settings of ``diagnose``, ``compare`` or ``landscape``, each with its own measurements."""
        names = measurements_of(config, stage)
        return cls.of_config(
            config,
            config.measuring,
            revision=LANDSCAPE_REVISION if stage == "landscape" else MEASUREMENTS_REVISION,
            **_of_run(config, run),
            measurements=names,
            options=_options(config, names),
        )


class CollectSettings(Settings):
    """Settings of a study's tables, beside the runs' files: its grid, and which runs have more files."""

    # 2: runs say which of their measurements failed; no interval of a fraction lies beyond 0 or 1.
    revision: int = 2
    study: StudyConfig
    cells: dict[str, list[str]] | None = Field(None, description="Init -> recipes, of the study's; null: all.")
    measured: bool = Field(True, description="Whether every run has its measurements.")
    pretrained: list[str]
    compared: list[str] = Field([])
    landscapes: dict[str, list[str]] = Field({})
    trainings: dict[str, str] = Field({}, description="Folder -> settings file of the trainings, to compare with.")
    statistics: StatisticsConfig
    root_seed: int

    @classmethod
    def of(cls, config: Config, study: str) -> Self:
        """Return the settings of ``collect``."""
        entry = config.studies[study]
        return cls.of_config(
            config,
            study=entry,
            pretrained=pretrained_inits(config, entry),
            compared=compared_inits(config, entry),
            landscapes=landscapes(config, entry),
        )

    @classmethod
    def of_outcomes(cls, config: Config, study: str) -> Self:
        """Return the settings of ``collect_outcomes``."""
        return cls.of(config, study).model_copy(update={"measured": False, "compared": [], "landscapes": {}})


class FigureSettings(Settings):
    """Settings of a figure, beside its study's tables: the recipes and inits that it shows, in order.

    A response also depends on the doses that it is drawn over; statistics are those of what a figure computes itself.
    """

    # 2: seeds beside their mean, intervals on the scale of their axis.
    revision: int = 2
    kind: str
    recipes: list[str]
    inits: list[str]
    doses: Doses | None = None
    statistics: StatisticsConfig = StatisticsConfig()
    root_seed: int = 0

    @classmethod
    def of(cls, config: Config, figure: str) -> Self:
        """Return the settings of a figure."""
        entry = config.figures[figure]
        study = config.studies[entry.study]
        return cls.of_config(
            config,
            kind=entry.kind or figure,
            recipes=entry.recipes or study.recipes,
            inits=entry.inits or study.inits,
            doses=doses_of(config, entry, entry.over) if entry.over else None,
        )


class TableSettings(Settings):
    """Settings of a table for a paper, beside its study's tables: its kind, recipes and inits, in order.

    A table of a seed's parts depends on which of them its inits fix.
    """

    kind: str
    name: str
    study: str
    recipes: list[str]
    inits: list[str]
    parts: dict[str, SeedParts] | None = None
    statistics: StatisticsConfig

    @classmethod
    def of(cls, config: Config, table: str) -> Self:
        """Return the settings of a table for a paper."""
        entry = config.tables[table]
        study = config.studies[entry.study]
        return cls.of_config(
            config,
            entry,
            kind=entry.kind or table,
            name=table,
            recipes=entry.recipes or study.recipes,
            inits=entry.inits or study.inits,
            parts=parts_of(config, entry) if TABLES.entry(entry.kind or table).of_parts else None,
        )


class ToySettings(Settings):
    """Settings of the toy experiment."""

    toy: ToyConfig
    root_seed: int


class ToyFigureSettings(Settings):
    """Settings of the toy's figure, beside its results: how intervals are computed."""

    revision: int = 2
    statistics: StatisticsConfig
    root_seed: int


def _of_run(config: Config, run: Run) -> dict[str, Any]:
    """Return what the settings of a training and of its measurements have in common."""
    return {
        "dataset": run.dataset,
        "model_name": run.model,
        "init": run.init,
        "recipe_name": run.recipe,
        "seed": int(run.seed),
        "model": _model(config, run.model),
    }


def _options(config: Config, names: list[str]) -> dict[str, dict[str, Any]]:
    """Return the configured options of some diagnostics."""
    given = config.measuring.options
    written = {name: _written(DIAGNOSTICS.entry(name), given[name]) for name in names if name in given}
    return {name: options for name, options in written.items() if options}


def _model(config: Config, name: str) -> ModelConfig:
    """Return a model with its options in one form."""
    entry = config.models[name]
    return entry.model_copy(update={"options": _written(ARCHITECTURES.entry(entry.architecture), entry.options)})


def _written(extension: EntryWithOptions, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options in one form, whatever their order and whether defaults are written out."""
    return without_defaults(extension.options.model_validate(options))

"""Settings: what the results of each stage depend on, beside its files. Jobs read them as JSON.

Pure and fast: no torch, no file access.
"""

from typing import Any, Literal

from pydantic import Field, model_validator

from badminima.config import (
    AugmentationConfig,
    MeasuringConfig,
    ModelConfig,
    NumericsConfig,
    OptimizationConfig,
    RecipeConfig,
    Section,
    StatisticsConfig,
    StudyConfig,
    ToyConfig,
    Zeroing,
)
from badminima.config.studies import Doses, SeedParts

# Every section of settings has a revision: raised by hand when the stage's code changes its results, so that old
# results are made anew and no cache offers them.
# Shared by what is measured at the end of a run and what is measured along its way.
# 2: images are normalized as trainings normalize them, which rounds differently in the last bits.
# 3: the noise covariance is that of the noise alone; standard errors; unbiased CKA.
# 4: a GPU searches attacks in tf32.
MEASUREMENTS_REVISION = 4
# 4: rows name the digest of the weights that the run ended at.
LANDSCAPE_REVISION = 4


class PrepareSettings(Section):
    """Settings of the preparation of a dataset, beside its raw files."""

    revision: int = 1
    dataset: str
    source: str
    options: dict[str, Any] = Field({})
    train_size: int | None
    validation_size: int
    test_size: int | None = None
    evaluate_on: Literal["test", "validation"]
    root_seed: int


class ConfuseSettings(Section):
    """Settings of a confusing set, beside the prepared dataset."""

    revision: int = 1
    dataset: str
    replication: int
    noise: float
    zeroing: Zeroing
    label_fraction: float = 1.0
    root_seed: int
    seed: int


class InitializeSettings(Section):
    """Settings of random initial weights, beside the shape of the data."""

    revision: int = 1
    model: ModelConfig
    dataset: str
    model_name: str
    gain: float = 1.0
    root_seed: int
    seed: int


class RescaleSettings(Section):
    """Settings of rescaled initial weights, beside the weights that they are made of and the data."""

    revision: int = 1
    model: ModelConfig
    norms: Literal["tensors", "total", "kept"] = "tensors"
    logits: bool = True


class AlongSettings(Section):
    """Settings of measurements at every evaluated epoch of a training."""

    revision: int = MEASUREMENTS_REVISION
    measurements: list[str]
    images: int = MeasuringConfig().images
    options: dict[str, dict[str, Any]] = Field({})


class TrainSettings(Section):
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

    @model_validator(mode="after")
    def _augmentation_is_said_twice(self) -> "TrainSettings":
        if self.recipe.augmentation != (self.augmentation is not None):
            raise ValueError("augmentation is to be given exactly where recipe.augmentation is true")
        return self

    @property
    def batch_size_key(self) -> str:
        """The key of the config that the batch size comes from, for messages."""
        own = self.recipe.batch_size is not None
        return f"recipes.{self.recipe_name}.batch_size" if own else f"{self.phase}ing.batch_size"


class DiagnoseSettings(Section):
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


class CollectSettings(Section):
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


class FigureSettings(Section):
    """Settings of a figure, beside its study's tables: the recipes and inits that it shows, in order.

    A response also depends on where some of them stand along the setting that it is drawn over; statistics are those
    of what a figure computes itself.
    """

    # 2: seeds beside their mean, intervals on the scale of their axis.
    revision: int = 2
    kind: str
    recipes: list[str]
    inits: list[str]
    doses: Doses | None = None
    statistics: StatisticsConfig = StatisticsConfig()
    root_seed: int = 0


class TableSettings(Section):
    """Settings of a table for a paper, beside its study's tables: its kind, recipes and inits, in order.

    A table of a seed's parts also depends on which of them its inits fix.
    """

    revision: int = 1
    kind: str
    name: str
    study: str
    recipes: list[str]
    inits: list[str]
    parts: dict[str, SeedParts] | None = None
    statistics: StatisticsConfig


class ToySettings(Section):
    """Settings of the toy experiment."""

    revision: int = 1
    toy: ToyConfig
    root_seed: int


class ToyFigureSettings(Section):
    """Settings of the toy's figure, beside its results: how intervals are computed."""

    # 2: recipes in words.
    revision: int = 2
    statistics: StatisticsConfig
    root_seed: int

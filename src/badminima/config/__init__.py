"""The typed configuration: the only place that knows keys, defaults and bounds.

``config.yaml`` is the paper's full experiment; presets overlay it. A named entry (a dataset, recipe, study, ...)
set to null in an overlay is removed.

- Holds: the sections, one file per group of keys; ``registry`` (every extension point), ``load`` (files, ``extends``,
  validation), ``checks`` (what ties entries to each other, and the meaning of reserved inits and recipes), ``schema``.
- Imports: ``errors``. No torch; of files, config files alone.
- Others use: the sections from here, ``load_config``, ``parse``, the registries.
"""

from typing import Literal

from pydantic import Field

from badminima.config import studies as of
from badminima.config.base import Name, Section
from badminima.config.data import AugmentationConfig, DataConfig, DatasetConfig, ModelConfig
from badminima.config.studies import FigureConfig, MeasuringConfig, StatisticsConfig, StudyConfig
from badminima.config.toy import ToyConfig, ToyPretraining, ToyRun
from badminima.config.training import (
    AdversarialInit,
    InitConfig,
    NumericsConfig,
    OptimizationConfig,
    RandomInit,
    RecipeConfig,
    RescaledInit,
    RestartConfig,
    RunInit,
    Zeroing,
)

# What other packages use, beside Config.
__all__ = ["AdversarialInit", "AugmentationConfig", "FigureConfig", "InitConfig", "MeasuringConfig", "ModelConfig"]
__all__ += ["NumericsConfig", "OptimizationConfig", "RandomInit", "RecipeConfig", "RescaledInit", "RunInit", "Section"]
__all__ += ["Config", "StatisticsConfig", "StudyConfig", "ToyConfig", "ToyPretraining", "ToyRun", "Zeroing"]


class Config(Section):
    """The whole experiment."""

    results: str = Field("results", pattern=r"^[A-Za-z0-9_./+][A-Za-z0-9_./+-]*$", description="Folder of all results.")
    seed: int = Field(0, ge=0, description="Root seed of every random stream.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: cuda where there is one, else cpu.")
    numerics: NumericsConfig = NumericsConfig()
    restart: RestartConfig = RestartConfig()
    data: DataConfig = DataConfig()
    datasets: dict[Name, DatasetConfig]
    models: dict[Name, ModelConfig]
    inits: dict[Name, InitConfig]
    recipes: dict[Name, RecipeConfig]
    pretraining: OptimizationConfig = OptimizationConfig()
    training: OptimizationConfig = OptimizationConfig()
    grid: of.GridConfig = of.GridConfig()
    studies: dict[Name, StudyConfig]
    diagnostics: list[str] = Field(["distance", "norms"], min_length=1, description="Measurements made on every run.")
    measuring: MeasuringConfig = MeasuringConfig()
    figures: dict[Name, FigureConfig]
    tables: dict[Name, of.TableConfig] = Field({}, description="Tables for papers.")
    statistics: StatisticsConfig = StatisticsConfig()
    claims: of.ClaimsConfig
    toy: ToyConfig | None = Field(ToyConfig(), description="The two-dimensional toy experiment; null: without it.")
    plan: of.PlanConfig = of.PlanConfig()
    zoo: of.ZooConfig = of.ZooConfig()
    resources: of.ResourcesConfig = of.ResourcesConfig()

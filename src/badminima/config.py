"""The typed configuration: the only place that knows keys, defaults, bounds and cross-field rules.

``config.yaml`` is the paper's full experiment; presets overlay it. A named entry (a dataset, recipe, study, ...)
set to null in an overlay is removed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from badminima.errors import UserError
from badminima.registry import ARCHITECTURES, DIAGNOSTICS, FIGURES, SOURCES, Entry
from badminima.validation import parse

# Names become folder names and wildcards, so they stay plain.
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_+.-]*$")]
# YAML reads 5e-4 as text; accept it as the number it looks like.
Number = Annotated[float, Field(strict=False, allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Address = Annotated[str, Field(pattern=r"^https?://\S+$")]


class Section(BaseModel):
    """Base of all sections: immutable, typed strictly, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DataConfig(Section):
    """Where raw datasets come from."""

    download_dir: str = Field("data", description="Folder that downloads go to, shared by all configs.")
    local_dirs: dict[Name, str] = Field({}, description="Dataset source -> folder that already holds its files.")
    urls: dict[Name, list[Address]] = Field(
        {}, description="Dataset source -> mirrors: addresses of folders with its published archives, tried in order."
    )


class AugmentationConfig(Section):
    """Data augmentation (DA): random crop after zero-padding, random horizontal flip (paper, section A)."""

    padding: Annotated[int, Field(ge=0)] = Field(4, description="Zero-padding on each side before the crop, in pixels.")
    horizontal_flip: bool = Field(True, description="Mirror each image left to right with probability 1/2.")


class DatasetConfig(Section):
    """A prepared dataset: its source, how much of it is used, and its augmentation."""

    source: str = Field(description="Name of a dataset source.")
    options: dict[str, Any] = Field({}, description="Options of that source, for example the side of its images.")
    train_size: Count | None = Field(None, description="Training images to use, drawn evenly over classes; null: all.")
    validation_size: Annotated[int, Field(ge=0)] = Field(
        0, description="Images held out of training, for choosing settings without looking at the test set."
    )
    evaluate_on: Literal["test", "validation"] = Field(
        "test", description="Which held-out images the 'test' columns of this config's runs are measured on."
    )
    augmentation: AugmentationConfig = AugmentationConfig()


class ModelConfig(Section):
    """A network: an architecture and its options."""

    architecture: str = Field(description="Name of an architecture.")
    options: dict[str, Any] = Field({}, description="Options of that architecture, for example widths.")


class RandomInit(Section):
    """Fresh random weights, as the architecture's paper draws them, times a gain."""

    kind: Literal["random"]
    gain: Positive = Field(1.0, description="Factor on all kernels and weight matrices; not on biases and BatchNorm.")


class AdversarialInit(Section):
    """Weights trained to fit a confusing set (paper, Algorithm 1)."""

    kind: Literal["adversarial"]
    start: Name = Field("random", description="The random init that pretraining starts from.")
    replication: Count = Field(description="R: copies of each training image.")
    noise: Annotated[Number, Field(ge=0, lt=1)] = Field(description="N: fraction of values zeroed in each copy.")
    zeroing: Literal["values", "pixels"] = Field(
        "values", description="Zero single channel values (published code) or all channels of a pixel (prose)."
    )


class RescaledInit(Section):
    """Random weights with another init's norms, tensor by tensor: the control for mere scale."""

    kind: Literal["rescaled"]
    start: Name = Field("random", description="The random init whose directions are kept.")
    like: Name = Field("adversarial", description="The init whose norms are taken.")


InitConfig = Annotated[RandomInit | AdversarialInit | RescaledInit, Field(discriminator="kind")]


class RecipeConfig(Section):
    """A regularizer set; everything off is vanilla SGD."""

    augmentation: bool = Field(False, description="DA: the dataset's augmentation.")
    momentum: Annotated[Number, Field(ge=0, lt=1)] = Field(0.0, description="M: heavy-ball momentum coefficient.")
    weight_decay: Annotated[Number, Field(ge=0)] = Field(0.0, description="L2: coefficient of weight decay.")
    learning_rate_scale: Positive = Field(1.0, description="Factor on the phase's learning rate, for controls.")


class OptimizationConfig(Section):
    """SGD and its schedule for one phase."""

    batch_size: Count = 128
    learning_rate: Positive = 0.1
    epochs: Count = 350
    milestones: list[Count] = Field([150, 250], description="Epochs after which the learning rate is multiplied.")
    gamma: Positive = Field(0.1, description="Factor on the learning rate at each milestone.")
    evaluate_every: Count = Field(1, description="Epochs between evaluations; the last epoch is always evaluated.")
    target_accuracy: Annotated[Number, Field(gt=0, le=1)] = Field(
        1.0, description="Training accuracy that counts as fitting the data."
    )


class StudyConfig(Section):
    """A named grid of runs that answers one question: the product of its lists."""

    question: str = Field(description="What the study answers, in one sentence.")
    datasets: Annotated[list[Name], Field(min_length=1)]
    models: Annotated[list[Name], Field(min_length=1)]
    inits: Annotated[list[Name], Field(min_length=1)]
    recipes: Annotated[list[Name], Field(min_length=1)]
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class FigureConfig(Section):
    """A figure: the study it draws, and optionally which of its recipes and inits."""

    study: Name
    recipes: list[Name] | None = Field(None, description="Recipes to draw; null: all of the study's.")
    inits: list[Name] | None = Field(None, description="Inits to draw; null: all of the study's.")


class StatisticsConfig(Section):
    """Intervals and verdicts."""

    confidence: Annotated[Number, Field(gt=0.5, lt=1)] = Field(0.95, description="Coverage of the intervals.")
    resamples: Annotated[int, Field(ge=100)] = Field(2000, description="Bootstrap resamples.")
    margin: Positive = Field(0.01, description="Accuracy difference below which two recipes count as equal.")
    fitted_tolerance: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.001, description="Training error below which a run counts as having fitted its training set."
    )


class ClaimsConfig(Section):
    """The study that the paper's claims are checked on."""

    study: Name


class ResourceConfig(Section):
    """What one job of a rule asks for; memory and runtime grow with each attempt."""

    threads: Count = 1
    mem_mb: Count = 4000
    runtime: Count = Field(60, description="Minutes.")
    gpu: Annotated[int, Field(ge=0)] = 0


class ResourcesConfig(Section):
    """Resources per rule; rules not named here use ``default``."""

    default: ResourceConfig = ResourceConfig()
    prepare_data: ResourceConfig = ResourceConfig()
    confuse: ResourceConfig = ResourceConfig()
    pretrain: ResourceConfig = ResourceConfig()
    train: ResourceConfig = ResourceConfig()
    diagnose: ResourceConfig = ResourceConfig()

    def of(self, rule: str) -> ResourceConfig:
        """The resources of the rule called ``rule``."""
        return getattr(self, rule, self.default)


class Config(Section):
    """The whole experiment."""

    results: Annotated[str, Field(pattern=r"^[^\s{}]+$")] = Field(
        "results", description="Folder that everything is written to."
    )
    seed: Annotated[int, Field(ge=0)] = Field(0, description="Root seed of every random stream.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: cuda where there is one, else cpu.")
    data: DataConfig = DataConfig()
    datasets: dict[Name, DatasetConfig]
    models: dict[Name, ModelConfig]
    inits: dict[Name, InitConfig]
    recipes: dict[Name, RecipeConfig]
    pretraining: OptimizationConfig = OptimizationConfig()
    training: OptimizationConfig = OptimizationConfig()
    studies: dict[Name, StudyConfig]
    diagnostics: list[str] = Field(["distance", "norms"], description="Measurements made on every run.")
    figures: dict[Name, FigureConfig]
    statistics: StatisticsConfig = StatisticsConfig()
    claims: ClaimsConfig
    resources: ResourcesConfig = ResourcesConfig()


# First letters of numbers, true, false and null; a look at them is much cheaper than parsing every string.
SCALAR_STARTS = "0123456789+-.tfn"
NAMED_ENTRIES = ("datasets", "models", "inits", "recipes", "studies", "figures")


def load_config(raw: Mapping[str, Any]) -> Config:
    """Validate a raw configuration.

    Args:
        raw: the merged YAML mappings.

    Raises:
        UserError: on the first wrong entry, naming its key, its value and what is allowed.
    """
    content = {
        key: {name: entry for name, entry in value.items() if entry is not None}
        if key in NAMED_ENTRIES and isinstance(value, Mapping)
        else value
        for key, value in _typed(raw).items()
    }
    config = parse(Config, content)
    _check_references(config)
    return config


def _typed(value: Any) -> Any:
    """Numbers, truth values and null for text that reads as such: nested ``--config`` values arrive as text."""
    if isinstance(value, Mapping):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if isinstance(value, str):
        scalar = yaml.safe_load(value) if value and value[0] in SCALAR_STARTS else value
        return scalar if scalar is None or isinstance(scalar, int | float | bool) else value
    return value


def _check_references(config: Config) -> None:
    """Every name that an entry mentions must be an entry of its own."""
    for name, dataset in config.datasets.items():
        _require(f"datasets.{name}.source", [dataset.source], SOURCES.names)
        _check_options(f"datasets.{name}.options", dataset.options, SOURCES.entry(dataset.source))
    _require("data.local_dirs", config.data.local_dirs, SOURCES.names)
    _require("data.urls", config.data.urls, SOURCES.names)
    for name, model in config.models.items():
        _require(f"models.{name}.architecture", [model.architecture], ARCHITECTURES.names)
        _check_options(f"models.{name}.options", model.options, ARCHITECTURES.entry(model.architecture))
    kinds = {
        kind: [name for name, init in config.inits.items() if init.kind == kind] for kind in ("random", "adversarial")
    }
    for name, init in config.inits.items():
        if not isinstance(init, RandomInit):
            _require(f"inits.{name}.start", [init.start], kinds["random"])
        if isinstance(init, RescaledInit):
            _require(f"inits.{name}.like", [init.like], kinds["adversarial"])
    for name, study in config.studies.items():
        for axis in ("datasets", "models", "inits", "recipes"):
            _require(f"studies.{name}.{axis}", getattr(study, axis), getattr(config, axis))
        _refuse_duplicates(f"studies.{name}.seeds", study.seeds)
    _require("diagnostics", config.diagnostics, DIAGNOSTICS.names)
    _require("claims.study", [config.claims.study], config.studies)
    for name, figure in config.figures.items():
        _require("figures", [name], FIGURES.names)
        _require(f"figures.{name}.study", [figure.study], config.studies)
        study = config.studies[figure.study]
        _require(f"figures.{name}.recipes", figure.recipes or [], study.recipes)
        _require(f"figures.{name}.inits", figure.inits or [], study.inits)
    for phase in ("pretraining", "training"):
        settings: OptimizationConfig = getattr(config, phase)
        if (
            settings.milestones != sorted(set(settings.milestones))
            or max(settings.milestones, default=0) > settings.epochs
        ):
            raise UserError(
                f"{phase}.milestones",
                settings.milestones,
                f"expected increasing epochs up to epochs = {settings.epochs}",
            )


def _require(where: str, names: Iterable[str], allowed: Iterable[str]) -> None:
    known, names = list(allowed), list(names)
    for name in names:
        if name not in known:
            raise UserError(where, repr(name), f"allowed: {', '.join(known) or 'nothing, as none is configured'}")
    _refuse_duplicates(where, names)


def _refuse_duplicates(where: str, values: Sequence[object]) -> None:
    """A value given twice would count twice in every mean."""
    for value in values:
        if values.count(value) > 1:
            raise UserError(where, f"{value!r} more than once", "give each value once")


def _check_options(where: str, options: Mapping[str, Any], entry: Entry) -> None:
    _require(where, options, entry.options)
    for option, value in options.items():
        default = entry.options[option]
        items = value if isinstance(default, list) and isinstance(value, list) else [value]
        kind = type(default[0]) if isinstance(default, list) else type(default)
        if isinstance(default, list) != isinstance(value, list) or any(type(item) is not kind for item in items):
            raise UserError(f"{where}.{option}", repr(value), f"expected a value like {default}")

"""Loading a configuration: types first, then the rules that tie entries to each other."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import yaml

from badminima.config import (
    Config,
    FigureConfig,
    InitConfig,
    Name,
    OptimizationConfig,
    RandomInit,
    RescaledInit,
    RunInit,
    Section,
    ToyConfig,
)
from badminima.config.doses import doses_of, settings_varied
from badminima.config.messages import parse
from badminima.config.names import check_meanings
from badminima.config.registry import ARCHITECTURES, DIAGNOSTICS, FIGURES, SOURCES, TABLES
from badminima.errors import UserError

# First letters of numbers, true, false and null; a look at them is much cheaper than parsing every string.
SCALAR_STARTS = "0123456789+-.tfn"
NAMED_ENTRIES = ("datasets", "models", "inits", "recipes", "studies", "figures", "tables")


def load_config(raw: Mapping[str, Any]) -> Config:
    """Validate a raw configuration.

    Args:
        raw: the merged YAML mappings.

    Raises:
        UserError: on the first wrong entry, naming its key, its value and what is allowed.
    """
    config = parse(Config, _content(raw))
    _check_references(config)
    return config


class _Inits(Section):
    """The one part of a configuration that says where start weights come from."""

    inits: dict[Name, InitConfig]


def load_inits(raw: Mapping[str, Any]) -> dict[str, InitConfig]:
    """The inits of a raw configuration, whatever else it holds; raises UserError as :func:`load_config` does."""
    return parse(_Inits, _content({"inits": raw.get("inits", {})})).inits


def _content(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A raw configuration without its text for numbers, and without the entries that an overlay took away."""
    return {
        key: {name: entry for name, entry in value.items() if entry is not None}
        if key in NAMED_ENTRIES and isinstance(value, Mapping)
        else value
        for key, value in _typed(raw).items()
    }


def _typed(value: Any) -> Any:
    """Numbers, truth values and null for text that reads as such: nested ``--config`` values arrive as text."""
    if isinstance(value, Mapping):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if isinstance(value, str) and value and value[0] in SCALAR_STARTS:
        with suppress(yaml.YAMLError):  # a sentence need not be YAML
            scalar = yaml.safe_load(value)
            return scalar if scalar is None or isinstance(scalar, int | float | bool) else value
    return value


def _check_references(config: Config) -> None:
    """Every name that an entry mentions must be an entry of its own."""
    for name, dataset in config.datasets.items():
        _require(f"datasets.{name}.source", [dataset.source], SOURCES.names)
        parse(SOURCES.entry(dataset.source).options, dataset.options, f"datasets.{name}.options.")
    _require("data.local_dirs", config.data.local_dirs, SOURCES.names)
    _require("data.urls", config.data.urls, SOURCES.names)
    for name, model in config.models.items():
        _require(f"models.{name}.architecture", [model.architecture], ARCHITECTURES.names)
        parse(ARCHITECTURES.entry(model.architecture).options, model.options, f"models.{name}.options.")
    _check_inits(config)
    _check_recipes(config)
    check_meanings(config)
    for name, study in config.studies.items():
        for axis in ("datasets", "models", "inits", "recipes"):
            _require(f"studies.{name}.{axis}", getattr(study, axis), getattr(config, axis))
        _refuse_duplicates(f"studies.{name}.seeds", study.seeds)
        of_one_run = [diagnostic for diagnostic, entry in DIAGNOSTICS.entries.items() if entry.stage == "diagnose"]
        _require(f"studies.{name}.along", study.along, of_one_run)
    _require("diagnostics", config.diagnostics, DIAGNOSTICS.names)
    _require("measuring.options", config.measuring.options, DIAGNOSTICS.names)
    for name, options in config.measuring.options.items():
        parse(DIAGNOSTICS.entry(name).options, options, f"measuring.options.{name}.")
    _check_measuring(config)
    for role, study_name in config.claims.model_dump(exclude_none=True).items():
        _require(f"claims.{role}", [study_name], config.studies)
    exported = config.studies[config.claims.study]
    _require("zoo.recipes", config.zoo.recipes or [], exported.recipes)
    _require("zoo.inits", config.zoo.inits or [], exported.inits)
    for seed in config.zoo.seeds or []:
        if seed not in exported.seeds:
            raise UserError("zoo.seeds", seed, f"allowed: {', '.join(map(str, exported.seeds))}")
    for name, figure in config.figures.items():
        _require(f"figures.{name}.draw" if figure.draw else "figures", [figure.draw or name], FIGURES.names)
        _require(f"figures.{name}.study", [figure.study], config.studies)
        for diagnostic in FIGURES.entry(figure.draw or name).needs:
            if diagnostic not in config.diagnostics:
                raise UserError("diagnostics", config.diagnostics, f"figures.{name} needs {diagnostic} among them")
        for diagnostic in FIGURES.entry(figure.draw or name).along:
            if diagnostic not in config.studies[figure.study].along:
                where = f"studies.{figure.study}.along"
                listed = config.studies[figure.study].along
                raise UserError(where, listed, f"figures.{name} needs {diagnostic} among them")
        if FIGURES.entry(figure.draw or name).whole_study and (figure.recipes or figure.inits):
            raise UserError(f"figures.{name}", "recipes or inits", "this figure shows all of its study")
        study = config.studies[figure.study]
        _require(f"figures.{name}.recipes", figure.recipes or [], study.recipes)
        _require(f"figures.{name}.inits", figure.inits or [], study.inits)
        _check_over(config, name, figure)
    for name, table in config.tables.items():
        _require(f"tables.{name}.make" if table.make else "tables", [table.make or name], TABLES.names)
        _require(f"tables.{name}.study", [table.study], config.studies)
        study = config.studies[table.study]
        _require(f"tables.{name}.recipes", table.recipes or [], study.recipes)
        _require(f"tables.{name}.inits", table.inits or [], study.inits)
    if config.toy is not None:
        _check_toy(config.toy)
        if "toy" in config.figures:
            raise UserError("figures.toy", "a figure", "this name is the toy experiment's; choose another name")
    if config.statistics.resamples * (1 - config.statistics.confidence) < 50:
        raise UserError(
            "statistics.resamples",
            config.statistics.resamples,
            f"too few for the tails at confidence {config.statistics.confidence:g}: expected at least "
            f"{50 / (1 - config.statistics.confidence):.0f}",
        )
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


def _check_over(config: Config, name: str, figure: FigureConfig) -> None:
    """A dose response needs doses; other figures have no use for them."""
    if not FIGURES.entry(figure.draw or name).over:
        if figure.over is not None:
            raise UserError(
                f"figures.{name}.over", repr(figure.over), "this kind of figure is not drawn over a setting"
            )
    elif figure.over is None or doses_of(config, figure, figure.over) is None:
        possible = ", ".join(settings_varied(config, figure)) or "there is none"
        found = "nothing" if figure.over is None else repr(figure.over)
        raise UserError(
            f"figures.{name}.over",
            found,
            f"expected a number that two of its inits or recipes differ in, and in nothing else: {possible}",
        )


def _check_inits(config: Config) -> None:
    """What an init is made of exists, is of the right kind, and is not made of the init itself."""
    kinds = {
        kind: [name for name, init in config.inits.items() if init.kind == kind] for kind in ("random", "adversarial")
    }
    for name, init in config.inits.items():
        if isinstance(init, RunInit):
            _require(f"inits.{name}.start", [init.start], config.inits)
            _require(f"inits.{name}.recipe", [init.recipe], config.recipes)
        elif not isinstance(init, RandomInit):
            _require(f"inits.{name}.start", [init.start], kinds["random"])
        if isinstance(init, RescaledInit):
            _require(f"inits.{name}.like", [init.like], kinds["adversarial"])
    for name in config.inits:
        chain = [name]
        while isinstance(entry := config.inits[chain[-1]], RunInit):
            if entry.start in chain:
                circle = " -> ".join([*chain, entry.start])
                raise UserError(f"inits.{name}.start", circle, "expected runs that begin at an init of another kind")
            chain.append(entry.start)


def _check_measuring(config: Config) -> None:
    """Options of measurements must fit the recipes and the images that they are made of."""
    surveyed = config.measuring.options.get("landscape", {}).get("recipes", [])
    _require("measuring.options.landscape.recipes", surveyed, config.recipes)
    shifts = config.measuring.options.get("robustness", {}).get("shift", [])
    for name in sorted({name for study in config.studies.values() for name in study.datasets}):
        source = SOURCES.entry(config.datasets[name].source)
        side = getattr(source.options(**config.datasets[name].options), "side", min(source.image_shape[1:]))
        if max(shifts, default=0) >= side:
            expected = f"expected less than {side}, the side of the images of {name} in pixels"
            raise UserError("measuring.options.robustness.shift", shifts, expected)


def _check_toy(toy: ToyConfig) -> None:
    """Batches come out even, so that the mean and the sum of a batch's losses differ by one factor throughout."""
    _refuse_duplicates("toy.seeds", toy.seeds)
    _require("toy.animated", toy.animated, toy.runs)
    if 2 * toy.points % toy.batch_size:
        raise UserError("toy.batch_size", toy.batch_size, f"expected a divisor of the {2 * toy.points} training points")


def _check_recipes(config: Config) -> None:
    """What cannot be had together."""
    for name, recipe in config.recipes.items():
        if recipe.mixup is not None and recipe.cutmix is not None:
            raise UserError(f"recipes.{name}", "mixup and cutmix", "expected one of the two, the other null")
        if recipe.momentum and recipe.optimizer != "sgd":
            raise UserError(
                f"recipes.{name}.momentum", recipe.momentum, f"{recipe.optimizer} has momentum of its own: expected 0"
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

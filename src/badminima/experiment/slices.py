"""Slices: the settings of each stage, cut out of the config.

Pure and fast: no torch, no file access.
"""

from collections.abc import Mapping
from typing import Any

from badminima.config import (
    AdversarialInit,
    Config,
    ModelConfig,
    RandomInit,
    RecipeConfig,
    RescaledInit,
)
from badminima.config.base import without_defaults
from badminima.config.checks import doses_of, parts_of
from badminima.config.registry import ARCHITECTURES, DIAGNOSTICS, SOURCES, TABLES, EntryWithOptions
from badminima.config.training import BASELINE_RECIPE
from badminima.experiment.lineage import pretrained_inits
from badminima.experiment.measured import along_pretraining, along_run, compared_inits, landscapes, measurements_of
from badminima.experiment.runs import Run
from badminima.experiment.settings import (
    LANDSCAPE_REVISION,
    MEASUREMENTS_REVISION,
    AlongSettings,
    CollectSettings,
    ConfuseSettings,
    DiagnoseSettings,
    FigureSettings,
    InitializeSettings,
    PrepareSettings,
    RescaleSettings,
    TableSettings,
    ToyFigureSettings,
    ToySettings,
    TrainSettings,
)


def prepare_settings(config: Config, dataset: str) -> PrepareSettings:
    """Return the settings of ``prepare_data``."""
    entry = config.datasets[dataset]
    return PrepareSettings(
        dataset=dataset,
        source=entry.source,
        options=_written(SOURCES.entry(entry.source), entry.options),
        train_size=entry.train_size,
        validation_size=entry.validation_size,
        test_size=entry.test_size,
        evaluate_on=entry.evaluate_on,
        root_seed=config.seed,
    )


def confuse_settings(config: Config, dataset: str, init: str, seed: int) -> ConfuseSettings:
    """Return the settings of ``confuse`` for an adversarial init."""
    entry = config.inits[init]
    assert isinstance(entry, AdversarialInit)
    return ConfuseSettings(
        dataset=dataset,
        replication=entry.replication,
        noise=entry.noise,
        zeroing=entry.zeroing,
        label_fraction=entry.label_fraction,
        root_seed=config.seed,
        seed=seed if entry.confusing_seed is None else entry.confusing_seed,
    )


def initialize_settings(config: Config, dataset: str, model: str, init: str, seed: int) -> InitializeSettings:
    """Return the settings of ``initialize`` for a random init."""
    entry = config.inits[init]
    assert isinstance(entry, RandomInit)
    return InitializeSettings(
        model=_model(config, model),
        dataset=dataset,
        model_name=model,
        gain=entry.gain,
        root_seed=config.seed,
        seed=seed if entry.seed is None else entry.seed,
    )


def rescale_settings(config: Config, dataset: str, model: str, init: str, seed: int) -> RescaleSettings:
    """Return the settings of ``rescale`` for a rescaled init."""
    entry = config.inits[init]
    assert isinstance(entry, RescaledInit)
    return RescaleSettings(model=_model(config, model), norms=entry.norms, logits=entry.logits)


def pretrain_settings(config: Config, dataset: str, model: str, init: str, seed: int) -> TrainSettings:
    """Return the settings of ``pretrain``: vanilla SGD on the confusing set, to its target or for given epochs."""
    entry = config.inits[init]
    assert isinstance(entry, AdversarialInit)
    return TrainSettings(
        phase="pretrain",
        dataset=dataset,
        model_name=model,
        init=init,
        recipe_name=BASELINE_RECIPE,
        seed=seed,
        root_seed=config.seed,
        model=_model(config, model),
        recipe=RecipeConfig(),
        augmentation=None,
        optimization=config.pretraining,
        device=config.device,
        numerics=config.numerics,
        along=_along_settings(config, along_pretraining(config, dataset, model, init, seed)),
        epochs_like=entry.epochs_like,
    )


def train_settings(config: Config, run: Run) -> TrainSettings:
    """Return the settings of ``train``. Augmentation is part of them only where the recipe uses it."""
    recipe = config.recipes[run.recipe]
    return TrainSettings(
        phase="train",
        dataset=run.dataset,
        model_name=run.model,
        init=run.init,
        recipe_name=run.recipe,
        seed=int(run.seed),
        root_seed=config.seed,
        model=_model(config, run.model),
        recipe=recipe,
        augmentation=config.datasets[run.dataset].augmentation if recipe.augmentation else None,
        optimization=config.training.with_recipe(recipe),
        device=config.device,
        numerics=config.numerics,
        along=_along_settings(config, along_run(config, run)),
    )


def diagnose_settings(config: Config, run: Run, stage: str = "diagnose") -> DiagnoseSettings:
    """Return the settings of ``diagnose``, ``compare`` or ``landscape``, each with its own measurements."""
    names = measurements_of(config, stage)
    return DiagnoseSettings(
        revision=LANDSCAPE_REVISION if stage == "landscape" else MEASUREMENTS_REVISION,
        dataset=run.dataset,
        model_name=run.model,
        init=run.init,
        recipe_name=run.recipe,
        seed=int(run.seed),
        root_seed=config.seed,
        model=_model(config, run.model),
        device=config.device,
        measurements=names,
        images=config.measuring.images,
        options=_options(config, names),
    )


def _along_settings(config: Config, names: list[str]) -> AlongSettings | None:
    """How something is measured along a training; None where nothing is, so that no setting of it matters."""
    if not names:
        return None
    return AlongSettings(measurements=names, images=config.measuring.images, options=_options(config, names))


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


def collect_settings(config: Config, study: str) -> CollectSettings:
    """Return the settings of ``collect``."""
    entry = config.studies[study]
    return CollectSettings(
        study=entry,
        pretrained=pretrained_inits(config, entry),
        compared=compared_inits(config, entry),
        landscapes=landscapes(config, entry),
        statistics=config.statistics,
        root_seed=config.seed,
    )


def outcomes_settings(config: Config, study: str) -> CollectSettings:
    """Return the settings of ``collect_outcomes``."""
    return collect_settings(config, study).model_copy(update={"measured": False, "compared": [], "landscapes": {}})


def figure_settings(config: Config, figure: str) -> FigureSettings:
    """Return the settings of a figure."""
    entry = config.figures[figure]
    study = config.studies[entry.study]
    return FigureSettings(
        kind=entry.kind or figure,
        recipes=entry.recipes or study.recipes,
        inits=entry.inits or study.inits,
        doses=doses_of(config, entry, entry.over) if entry.over else None,
        statistics=config.statistics,
        root_seed=config.seed,
    )


def table_settings(config: Config, table: str) -> TableSettings:
    """Return the settings of a table for a paper."""
    entry = config.tables[table]
    study = config.studies[entry.study]
    return TableSettings(
        kind=entry.kind or table,
        name=table,
        study=entry.study,
        recipes=entry.recipes or study.recipes,
        inits=entry.inits or study.inits,
        parts=parts_of(config, entry) if TABLES.entry(entry.kind or table).of_parts else None,
        statistics=config.statistics,
    )


def toy_settings(config: Config) -> ToySettings:
    """Return the settings of ``toy``, where the config has it."""
    assert config.toy is not None
    return ToySettings(toy=config.toy, root_seed=config.seed)


def toy_figure_settings(config: Config) -> ToyFigureSettings:
    """Return the settings of ``fig_toy``."""
    return ToyFigureSettings(statistics=config.statistics, root_seed=config.seed)

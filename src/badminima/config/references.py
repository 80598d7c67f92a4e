"""The rules that tie entries of a configuration to each other, section by section."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from math import inf

from badminima.config import (
    AdversarialInit,
    Config,
    FigureConfig,
    OptimizationConfig,
    RescaledInit,
    RunInit,
    StudyConfig,
    ToyConfig,
)
from badminima.config.doses import doses_of, settings_varied
from badminima.config.messages import did_you_mean, parse
from badminima.config.names import check_meanings
from badminima.config.registry import ARCHITECTURES, DIAGNOSTICS, FIGURES, SOURCES, TABLES
from badminima.config.seed_parts import parts_of
from badminima.config.sizes import are_known, check_sizes, published_sizes
from badminima.errors import UserError, UserErrors


def check_references(config: Config) -> None:
    """Make sure that entries fit each other: every name that one mentions is an entry of its own.

    Raises:
        UserError: a line for each entry that does not fit.
    """
    # A wrong grid would be told again by every study that takes it.
    _check_grid(config)
    _raise_all(
        [
            *(partial(check, config) for check in (_check_datasets, _check_models, _check_recipes)),
            *(partial(check, config) for check in (check_meanings, _check_inits, _check_statistics, _check_phases)),
            *(partial(_check_study, config, name, study) for name, study in config.studies.items()),
            *([] if config.toy is None else [partial(_check_toy, config, config.toy)]),
        ]
    )
    # What rests on entries that are sound: a wrong one is told once.
    _raise_all([partial(_check_measuring, config), partial(_check_claims, config)])
    figures = [partial(_check_figure, config, name, figure) for name, figure in config.figures.items()]
    _raise_all([partial(_check_zoo, config), *figures, partial(_check_tables, config), partial(_check_clashes, config)])


def _raise_all(checks: Iterable[Callable[[], None]]) -> None:
    """Make some checks, and raise what they find together."""
    found: dict[str, UserError] = {}
    for check in checks:
        try:
            check()
        except UserError as error:
            found[str(error)] = error
    if found:
        raise UserErrors(list(found.values()))


def _check_datasets(config: Config) -> None:
    for name, dataset in config.datasets.items():
        _require(f"datasets.{name}.source", [dataset.source], SOURCES.names)
        parse(SOURCES.entry(dataset.source).options, dataset.options, f"datasets.{name}.options.")
        if dataset.path is not None and SOURCES.entry(dataset.source).origin == "embedded":
            raise UserError(
                f"datasets.{name}.path", repr(dataset.path), f"{dataset.source} has its files already: null"
            )
        if are_known(config, name):
            check_sizes(name, dataset, *published_sizes(config, name))
    _require("data.local_dirs", config.data.local_dirs, SOURCES.names)
    _require("data.urls", config.data.urls, SOURCES.names)


def _check_models(config: Config) -> None:
    for name, model in config.models.items():
        _require(f"models.{name}.architecture", [model.architecture], ARCHITECTURES.names)
        parse(ARCHITECTURES.entry(model.architecture).options, model.options, f"models.{name}.options.")


def _check_grid(config: Config) -> None:
    """Check the grid that studies run on unless they say otherwise."""
    for axis in ("datasets", "models"):
        _require(f"grid.{axis}", getattr(config.grid, axis), getattr(config, axis))
    _refuse_duplicates("grid.seeds", config.grid.seeds)


def _check_study(config: Config, name: str, study: StudyConfig) -> None:
    of_one_run = [diagnostic for diagnostic, entry in DIAGNOSTICS.entries.items() if entry.stage == "diagnose"]
    for axis in ("datasets", "models", "seeds"):
        if not getattr(study, axis):
            raise UserError(f"studies.{name}.{axis}", "nothing", f"expected some here or in grid.{axis}")
    for axis in ("datasets", "models", "inits", "recipes"):
        _require(f"studies.{name}.{axis}", getattr(study, axis), getattr(config, axis))
    _refuse_duplicates(f"studies.{name}.seeds", study.seeds)
    limited = {init: recipes for init, recipes in study.only.items() if recipes is not None}
    _require(f"studies.{name}.only", limited, config.inits)
    for init, recipes in limited.items():
        _require(f"studies.{name}.only.{init}", recipes, config.recipes)
        if init in study.inits and not set(recipes) & set(study.recipes):
            raise UserError(f"studies.{name}.only.{init}", recipes, f"expected some of {', '.join(study.recipes)}")
    _require(f"studies.{name}.along", study.along, of_one_run)


def _check_measuring(config: Config) -> None:
    """Options of measurements have sound values, and fit the recipes and the images that they are made of."""
    _require("diagnostics", config.diagnostics, DIAGNOSTICS.names)
    _require("measuring.options", config.measuring.options, DIAGNOSTICS.names)
    for name, options in config.measuring.options.items():
        parse(DIAGNOSTICS.entry(name).options, options, f"measuring.options.{name}.")
    surveyed = config.measuring.options.get("landscape", {}).get("recipes", [])
    _require("measuring.options.landscape.recipes", surveyed, config.recipes)
    shifts = config.measuring.options.get("robustness", {}).get("shift", [])
    for name in sorted({name for study in config.studies.values() for name in study.datasets}):
        side = _side(config, name)
        expected = f"expected less than {side}, the side of the images of {name} in pixels"
        if max(shifts, default=0) >= side:
            raise UserError("measuring.options.robustness.shift", shifts, expected)
        padding = config.datasets[name].augmentation.padding
        recipes = [recipe for study in config.studies.values() if name in study.datasets for recipe in study.recipes]
        if padding >= side and any(config.recipes[recipe].augmentation for recipe in recipes):
            raise UserError(f"datasets.{name}.augmentation.padding", padding, expected)


def _side(config: Config, dataset: str) -> float:
    """Return the shorter side of a dataset's images in pixels; infinite where only its files know it."""
    source = SOURCES.entry(config.datasets[dataset].source)
    known = inf if source.origin == "local" else min(source.image_shape[1:])
    return getattr(source.options(**config.datasets[dataset].options), "side", known)


def _check_claims(config: Config) -> None:
    for role, study_name in config.claims.model_dump(exclude_none=True).items():
        _require(f"claims.{role}", [study_name], config.studies)


def _check_zoo(config: Config) -> None:
    exported = config.studies[config.claims.study]
    _require("zoo.recipes", config.zoo.recipes or [], exported.recipes)
    _require("zoo.inits", config.zoo.inits or [], exported.inits)
    for seed in config.zoo.seeds or []:
        if seed not in exported.seeds:
            raise UserError("zoo.seeds", seed, f"allowed: {', '.join(map(str, exported.seeds))}")


def _check_figure(config: Config, name: str, figure: FigureConfig) -> None:
    """Require code, a study, and the measurements that a figure shows."""
    _require(f"figures.{name}.kind" if figure.kind else "figures", [figure.kind or name], FIGURES.names)
    _require(f"figures.{name}.study", [figure.study], config.studies)
    kind, study = FIGURES.entry(figure.kind or name), config.studies[figure.study]
    for where, needed, listed in (
        ("diagnostics", kind.needs, config.diagnostics),
        (f"studies.{figure.study}.along", kind.along, study.along),
    ):
        for diagnostic in needed:
            if diagnostic not in listed:
                raise UserError(where, listed, f"figures.{name} needs {diagnostic} among them")
    if kind.whole_study and (figure.recipes or figure.inits):
        raise UserError(f"figures.{name}", "recipes or inits", "this figure shows all of its study")
    _require(f"figures.{name}.recipes", figure.recipes or [], study.recipes)
    _require(f"figures.{name}.inits", figure.inits or [], study.inits)
    _check_over(config, name, figure)


def _check_clashes(config: Config) -> None:
    """Refuse names whose rules or files are those of other entries."""
    drawn = ["confusing", *([] if config.toy is None else ["toy", "toy_mechanism"])]
    for name in [name for name in drawn if name in config.figures]:
        raise UserError(f"figures.{name}", "a figure", f"fig_{name} is drawn without an entry; choose another name")
    tables = {f"table_{name}.{extension}" for name in config.tables for extension in ("tex", "csv", "html")}
    for name in config.studies:
        if name in tables:
            raise UserError(f"studies.{name}", "the name of a table's file", "choose another name")


def _check_tables(config: Config) -> None:
    for name, table in config.tables.items():
        _require(f"tables.{name}.kind" if table.kind else "tables", [table.kind or name], TABLES.names)
        _require(f"tables.{name}.study", [table.study], config.studies)
        study = config.studies[table.study]
        _require(f"tables.{name}.recipes", table.recipes or [], study.recipes)
        _require(f"tables.{name}.inits", table.inits or [], study.inits)
        if TABLES.entry(table.kind or name).of_parts and parts_of(config, table) is None:
            raise UserError(
                f"tables.{name}.inits",
                ", ".join(table.inits or study.inits),
                "expected adversarial inits that differ in confusing_seed and in the seed of their random weights "
                "alone, one for each pair of at least two of both, and at least two seeds of the study",
            )


def _check_statistics(config: Config) -> None:
    """There are enough resamples for the tails of the intervals."""
    statistics = config.statistics
    if statistics.resamples * (1 - statistics.confidence) < 50:
        raise UserError(
            "statistics.resamples",
            statistics.resamples,
            f"too few for the tails at confidence {statistics.confidence:g}: expected at least "
            f"{50 / (1 - statistics.confidence):.0f}",
        )


def _check_phases(config: Config) -> None:
    """Milestones come in order and before the end."""
    for phase in ("pretraining", "training"):
        settings: OptimizationConfig = getattr(config, phase)
        if (
            settings.milestones != sorted(set(settings.milestones))
            or max(settings.milestones, default=0) > settings.epochs
        ):
            raise UserError(
                f"{phase}.milestones",
                settings.milestones,
                f"expected increasing epochs up to epochs = {settings.epochs}; [] leaves the learning rate as it is",
            )


def unreached_milestones(config: Config) -> Iterator[str]:
    """Yield a line for each phase, and each recipe with epochs of its own, whose last epoch is a milestone."""
    for phase in ("pretraining", "training"):
        if _ends_at_milestone(getattr(config, phase)):
            yield f"{phase}.milestones: the last epoch is one, so it is never reached"
    used = {recipe for study in config.studies.values() for recipe in study.recipes}
    for name in sorted(used):
        recipe = config.recipes[name]
        if recipe.epochs and recipe.schedule == "steps" and _ends_at_milestone(config.training.with_recipe(recipe)):
            yield f"recipes.{name}.epochs: a milestone, scaled to {recipe.epochs} epochs, is the last, so never reached"


def _ends_at_milestone(phase: OptimizationConfig) -> bool:
    return phase.decay == "milestones" and phase.epochs in phase.milestones


def _check_over(config: Config, name: str, figure: FigureConfig) -> None:
    """Require doses of a dose response, and none of other figures."""
    if not FIGURES.entry(figure.kind or name).over:
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
    """Check that an init is made of others that exist and are of the right kind, and not of itself."""
    kinds = {
        kind: [name for name, init in config.inits.items() if init.kind == kind] for kind in ("random", "adversarial")
    }
    for name, init in config.inits.items():
        if isinstance(init, RunInit):
            _require(f"inits.{name}.start", [init.start], config.inits)
            _require(f"inits.{name}.recipe", [init.recipe], config.recipes)
        elif isinstance(init, RescaledInit):
            for field in ("start", "like"):
                _require(f"inits.{name}.{field}", [getattr(init, field)], [*kinds["random"], *kinds["adversarial"]])
        elif isinstance(init, AdversarialInit):
            _require(f"inits.{name}.start", [init.start], kinds["random"])
            _check_epochs_like(config, name, init)
    for name in config.inits:
        chain = [name]
        while isinstance(entry := config.inits[chain[-1]], RunInit):
            if entry.start in chain:
                circle = " -> ".join([*chain, entry.start])
                raise UserError(f"inits.{name}.start", circle, "expected runs that begin at an init of another kind")
            chain.append(entry.start)


def _check_epochs_like(config: Config, name: str, init: AdversarialInit) -> None:
    """Require that an init trains for as many epochs as one that ends by itself."""
    if init.epochs_like is not None:
        ends = {
            other: entry
            for other, entry in config.inits.items()
            if isinstance(entry, AdversarialInit) and entry.epochs_like is None
        }
        _require(f"inits.{name}.epochs_like", [init.epochs_like], ends)


def _check_toy(config: Config, toy: ToyConfig) -> None:
    """Batches come out even, so that the mean and the sum of a batch's losses differ by one factor throughout."""
    _refuse_duplicates("toy.seeds", toy.seeds)
    _require("toy.animated", toy.animated, toy.runs)
    if 2 * toy.points % toy.batch_size:
        raise UserError("toy.batch_size", toy.batch_size, f"expected a divisor of the {2 * toy.points} training points")


def _check_recipes(config: Config) -> None:
    """Refuse regularizers that exclude each other."""
    for name, recipe in config.recipes.items():
        if recipe.mixup is not None and recipe.cutmix is not None:
            raise UserError(f"recipes.{name}", "mixup and cutmix", "expected one of the two, the other null")
        if recipe.weight_decay_of != "all" and recipe.optimizer == "adamw":
            raise UserError(
                f"recipes.{name}.weight_decay_of",
                repr(recipe.weight_decay_of),
                "adamw decays all weights: expected all",
            )
        if recipe.momentum and recipe.optimizer != "sgd":
            raise UserError(
                f"recipes.{name}.momentum", recipe.momentum, f"{recipe.optimizer} has momentum of its own: expected 0"
            )


def _require(where: str, names: Iterable[str], allowed: Iterable[str]) -> None:
    known, names = list(allowed), list(names)
    for name in names:
        if name not in known:
            allowed = ", ".join(known) or "nothing, as none is configured"
            raise UserError(where, repr(name), f"{did_you_mean(name, known)}allowed: {allowed}")
    _refuse_duplicates(where, names)


def _refuse_duplicates(where: str, values: Sequence[object]) -> None:
    """Refuse a value given twice, which would count twice in every mean."""
    for value in values:
        if values.count(value) > 1:
            raise UserError(where, f"{value!r} more than once", "give each value once")

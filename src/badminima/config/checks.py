"""The rules that tie entries of a config to each other: each check yields what is wrong.

Pure and fast: no torch, no file access.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any

from badminima.config import AdversarialInit, Config, FigureConfig, RandomInit, RecipeConfig, RescaledInit, RunInit
from badminima.config.base import Section, did_you_mean, parse
from badminima.config.data import check_sizes
from badminima.config.registry import ARCHITECTURES, DIAGNOSTICS, FIGURES, SOURCES, TABLES
from badminima.config.studies import Doses, SeedParts, TableConfig
from badminima.config.training import BASELINE_RECIPE, FIXED, REGULARIZERS
from badminima.errors import UserError, UserErrors

Mistakes = Iterator[UserError]


def check(config: Config) -> None:
    """Make sure that entries fit each other: every name that one mentions is an entry of its own.

    Raises:
        UserError: a line for each entry that does not fit.
    """
    names = (_extensions, _inits, _studies, _recipes, _meanings, _numbers)
    # What rests on others is checked when these are sound: a mistake is reported once.
    for checks in (
        (_grid,),
        names,
        (_datasets, _options, _circles, _shown),
        (_axes,),
        (_padding, _figures, _tables),
    ):
        found = {str(mistake): mistake for each in checks for mistake in each(config)}
        if found:
            raise UserErrors(list(found.values()))


def _unknown(where: str, names: Iterable[Any], allowed: Iterable[Any]) -> Mistakes:
    known, names = list(allowed), list(names)
    for name in names:
        if name not in known:
            choice = ", ".join(map(str, known)) or "nothing, as none is configured"
            yield UserError(where, repr(name), f"{did_you_mean(str(name), map(str, known))}allowed: {choice}")
    yield from _twice(where, names)


def _twice(where: str, values: Sequence[object]) -> Mistakes:
    """Refuse a value given twice, which would count twice in every mean."""
    for value in values:
        if values.count(value) > 1:
            yield UserError(where, f"{value!r} more than once", "give each value once")


def _raised(validate: Callable[..., object], *given: object) -> Mistakes:
    try:
        validate(*given)
    except UserError as mistake:
        yield from mistake.errors


def _grid(config: Config) -> Mistakes:
    """Check the grid that studies run on unless they say otherwise."""
    for axis in ("datasets", "models"):
        yield from _unknown(f"grid.{axis}", getattr(config.grid, axis), getattr(config, axis))
    yield from _twice("grid.seeds", config.grid.seeds)


def _extensions(config: Config) -> Mistakes:
    """Require a registered name of every source, architecture and diagnostic."""
    for name, dataset in config.datasets.items():
        yield from _unknown(f"datasets.{name}.source", [dataset.source], SOURCES.names)
    for name, model in config.models.items():
        yield from _unknown(f"models.{name}.architecture", [model.architecture], ARCHITECTURES.names)
    yield from _unknown("data.local_dirs", config.data.local_dirs, SOURCES.names)
    yield from _unknown("data.urls", config.data.urls, SOURCES.names)
    yield from _unknown("diagnostics", config.diagnostics, DIAGNOSTICS.names)
    yield from _unknown("measuring.options", config.measuring.options, DIAGNOSTICS.names)


def _inits(config: Config) -> Mistakes:
    """Require that an init is made of others of the right kind."""
    random = [name for name, init in config.inits.items() if isinstance(init, RandomInit)]
    pretrained = {name: init for name, init in config.inits.items() if isinstance(init, AdversarialInit)}
    ends = [name for name, init in pretrained.items() if init.epochs_like is None]
    scales = [*random, *pretrained]
    made_of: dict[type[Section], dict[str, Iterable[str]]] = {
        AdversarialInit: {"start": random, "epochs_like": ends},
        RescaledInit: {"start": scales, "like": scales},
        RunInit: {"start": config.inits, "recipe": config.recipes},
    }
    for name, init in config.inits.items():
        for field, allowed in made_of.get(type(init), {}).items():
            others = [getattr(init, field)] if getattr(init, field) is not None else []
            yield from _unknown(f"inits.{name}.{field}", others, allowed)


def _circles(config: Config) -> Mistakes:
    """Refuse runs that start from their own end."""
    for name in config.inits:
        chain = [name]
        while isinstance(entry := config.inits[chain[-1]], RunInit):
            chain.append(entry.start)
            if chain.count(entry.start) > 1:
                remedy = "expected runs that begin at an init of another kind"
                yield UserError(f"inits.{name}.start", " -> ".join(chain), remedy)
                return


def _studies(config: Config) -> Mistakes:
    of_one_run = [diagnostic for diagnostic, entry in DIAGNOSTICS.entries.items() if entry.stage == "diagnose"]
    for name, study in config.studies.items():
        where = f"studies.{name}"
        for axis in ("datasets", "models", "seeds"):
            if not getattr(study, axis):
                yield UserError(f"{where}.{axis}", "nothing", f"expected some here or in grid.{axis}")
        for axis in ("datasets", "models", "inits", "recipes"):
            yield from _unknown(f"{where}.{axis}", getattr(study, axis), getattr(config, axis))
        yield from _twice(f"{where}.seeds", study.seeds)
        limited = {init: recipes for init, recipes in study.only.items() if recipes is not None}
        yield from _unknown(f"{where}.only", limited, config.inits)
        for init, recipes in limited.items():
            yield from _unknown(f"{where}.only.{init}", recipes, config.recipes)
            known = {*recipes, *study.recipes} <= {*config.recipes}
            if known and init in study.inits and not {*recipes} & {*study.recipes}:
                yield UserError(f"{where}.only.{init}", recipes, f"expected some of {', '.join(study.recipes)}")
        yield from _unknown(f"{where}.along", study.along, of_one_run)
    for role, named in config.claims.model_dump(exclude_none=True).items():
        yield from _unknown(f"claims.{role}", [named], config.studies)


def _recipes(config: Config) -> Mistakes:
    """Refuse regularizers that exclude each other."""
    for name, recipe in config.recipes.items():
        where = f"recipes.{name}"
        if recipe.mixup is not None and recipe.cutmix is not None:
            yield UserError(where, "mixup and cutmix", "expected one of the two, the other null")
        if recipe.weight_decay_of != "all" and recipe.optimizer == "adamw":
            found = repr(recipe.weight_decay_of)
            yield UserError(f"{where}.weight_decay_of", found, "adamw decays all weights: expected all")
        if recipe.momentum and recipe.optimizer != "sgd":
            remedy = f"{recipe.optimizer} has momentum of its own: expected 0"
            yield UserError(f"{where}.momentum", recipe.momentum, remedy)


def _meanings(config: Config) -> Mistakes:
    """Refuse another meaning of a name that claims are read by, the first: others may extend it."""
    other = "choose another name"
    for name, recipe in config.recipes.items():
        given = recipe.model_dump(exclude_defaults=True)
        named = set() if name == BASELINE_RECIPE else set(name.split("+"))
        if named <= set(REGULARIZERS.values()) and {REGULARIZERS.get(field, "") for field in given} != named:
            remedy = f"this name means exactly these regularizers, at the phase's learning rate; {other}"
            yield UserError(f"recipes.{name}", given, remedy)
            return
    noisy = {
        "label_noise": RecipeConfig(),
        "label_noise_x3": RecipeConfig(learning_rate_scale=3.0),
        "label_noise_x10": RecipeConfig(learning_rate_scale=10.0),
        "label_noise+m": RecipeConfig(momentum=0.9),
        "label_noise_x4_batch_x4": RecipeConfig(learning_rate_scale=4.0, batch_size=4 * config.training.batch_size),
    }
    noise = next((config.recipes[name].label_noise for name in noisy if name in config.recipes), 0.0) or 0.2
    for name, rest in noisy.items():
        meant, found = rest.model_copy(update={"label_noise": noise}), config.recipes.get(name)
        if found is not None and found != meant:
            told = f"this name means {meant.model_dump(exclude_defaults=True)}; {other}"
            yield UserError(f"recipes.{name}", found.model_dump(exclude_defaults=True), told)
            return
    if "full_batch" in config.recipes and not config.recipes["full_batch"].full_batch:
        yield UserError("recipes.full_batch.full_batch", False, f"a recipe of this name has true; {other}")
        return
    for name, fixed in FIXED.items():
        for field in sorted(fixed.model_fields_set - {"replication", "noise"}) if name in config.inits else ():
            value, expected = getattr(config.inits[name], field, None), getattr(fixed, field)
            if value != expected:
                told = f"an init of this name has {'null' if expected is None else expected}; {other}"
                yield UserError(f"inits.{name}.{field}", repr(value), told)
                return


def _numbers(config: Config) -> Mistakes:
    """Check milestones, resamples, and that the toy's batches come out even."""
    for name in ("pretraining", "training"):
        phase = getattr(config, name)
        if phase.milestones != sorted(set(phase.milestones)) or max(phase.milestones, default=0) > phase.epochs:
            remedy = f"expected increasing epochs up to epochs = {phase.epochs}; [] leaves the learning rate as it is"
            yield UserError(f"{name}.milestones", phase.milestones, remedy)
    statistics, toy = config.statistics, config.toy
    if statistics.resamples * (1 - statistics.confidence) < 50:
        needed = f"expected at least {50 / (1 - statistics.confidence):.0f}, for the tails of the intervals"
        yield UserError("statistics.resamples", statistics.resamples, needed)
    if toy is not None:
        yield from _twice("toy.seeds", toy.seeds)
        yield from _unknown("toy.animated", toy.animated, toy.runs)
        if 2 * toy.points % toy.batch_size:
            remedy = f"expected a divisor of the {2 * toy.points} training points"
            yield UserError("toy.batch_size", toy.batch_size, remedy)


def _datasets(config: Config) -> Mistakes:
    """Check a dataset's options, and that its source has as many images."""
    for name, dataset in config.datasets.items():
        source = SOURCES.entry(dataset.source)
        wrong = list(_raised(parse, source.options, dataset.options, f"datasets.{name}.options."))
        yield from wrong
        if dataset.path is not None and source.origin == "embedded":
            yield UserError(f"datasets.{name}.path", repr(dataset.path), "its source has its files already: null")
        is_local = source.origin == "local" or dataset.path is not None or dataset.source in config.data.local_dirs
        if not wrong and (source.verified or not is_local):
            yield from _raised(check_sizes, name, dataset, *source.published(dataset.options))


def _options(config: Config) -> Mistakes:
    """Check the options of models and measurements."""
    sections = [
        *((f"models.{n}.options.", ARCHITECTURES.entry(m.architecture), m.options) for n, m in config.models.items()),
        *((f"measuring.options.{n}.", DIAGNOSTICS.entry(n), given) for n, given in config.measuring.options.items()),
    ]
    for where, entry, given in sections:
        yield from _raised(parse, entry.options, given, where)
    surveyed = config.measuring.options.get("landscape", {}).get("recipes", [])
    yield from _unknown("measuring.options.landscape.recipes", surveyed, config.recipes)


def _shown(config: Config) -> Mistakes:
    """Require code and a study of figures and tables."""
    for section, registry in (("figures", FIGURES), ("tables", TABLES)):
        for name, entry in getattr(config, section).items():
            where = f"{section}.{name}"
            yield from _unknown(f"{where}.kind" if entry.kind else section, [entry.kind or name], registry.names)
            yield from _unknown(f"{where}.study", [entry.study], config.studies)


def _axes(config: Config) -> Mistakes:
    """Require that a study has what its figures, tables and the zoo show."""
    figures = {f"figures.{name}": figure for name, figure in config.figures.items()}
    tables = {f"tables.{name}": table for name, table in config.tables.items()}
    for where, entry in {**figures, **tables, "zoo": config.zoo}.items():
        study = config.studies[getattr(entry, "study", config.claims.study)]
        for axis in ("recipes", "inits", "seeds"):
            yield from _unknown(f"{where}.{axis}", getattr(entry, axis, None) or [], getattr(study, axis))


def _padding(config: Config) -> Mistakes:
    """Refuse crops of nothing but padding."""
    for study in config.studies.values():
        augments = any(config.recipes[recipe].augmentation for recipe in study.recipes)
        for name in study.datasets if augments else ():
            entry = config.datasets[name]
            source = SOURCES.entry(entry.source)
            # Only their file knows the side of a user's arrays.
            known = inf if source.origin == "local" else min(source.image_shape[1:])
            side = getattr(source.options(**entry.options), "side", known)
            if (padding := entry.augmentation.padding) >= side:
                where = f"datasets.{name}.augmentation.padding"
                yield UserError(where, padding, f"expected less than {side}, the side of the images in pixels")


def _figures(config: Config) -> Mistakes:
    """Require the measurements and the doses that a figure shows."""
    for name, figure in config.figures.items():
        kind, study = FIGURES.entry(figure.kind or name), config.studies[figure.study]
        lacking = [("diagnostics", config.diagnostics, one) for one in kind.needs]
        lacking += [(f"studies.{figure.study}.along", study.along, one) for one in kind.along]
        for where, listed, diagnostic in lacking:
            if diagnostic not in listed:
                yield UserError(where, listed, f"figures.{name} needs {diagnostic} among them")
        if kind.whole_study and (figure.recipes or figure.inits):
            yield UserError(f"figures.{name}", "recipes or inits", "this figure shows all of its study")
        over = figure.over
        if not kind.over and over is not None:
            yield UserError(f"figures.{name}.over", repr(over), "this kind of figure is not drawn over a setting")
        if kind.over and (over is None or doses_of(config, figure, over) is None):
            remedy = "expected a number that two of its inits or recipes differ in, and in nothing else"
            yield UserError(f"figures.{name}.over", repr(over), remedy)


def _tables(config: Config) -> Mistakes:
    """Require inits that cross the parts of a seed of a table of them."""
    for name, table in config.tables.items():
        if TABLES.entry(table.kind or name).of_parts and parts_of(config, table) is None:
            remedy = "expected adversarial inits that differ in confusing_seed and in the seed of their random weights "
            remedy += "alone, one for each pair of at least two of both, and at least two seeds of the study"
            yield UserError(f"tables.{name}.inits", table.inits or config.studies[table.study].inits, remedy)


def doses_of(config: Config, figure: FigureConfig, over: str) -> Doses | None:
    """Return the doses of a figure: a number of its inits, else of its recipes; None if no two differ in it alone."""
    study, phase = config.studies[figure.study], config.training
    inits = {name: config.inits[name] for name in figure.inits or study.inits}
    recipes = {name: config.recipes[name] for name in figure.recipes or study.recipes}
    for name, recipe in recipes.items():
        # What a recipe leaves to the phase is a number too.
        own = {"batch_size": recipe.batch_size or phase.batch_size, "epochs": recipe.epochs or phase.epochs}
        recipes[name] = recipe.model_copy(update=own)
    if series := _series(inits, over):
        return Doses(over=over, axis="inits", series=series)
    series = _series(recipes, over)
    return Doses(over=over, axis="recipes", series=series) if series else None


def _series(entries: Mapping[str, Section], over: str) -> list[dict[str, float]]:
    """Group entries by all their other settings; leave out what is alone or has no such number."""
    groups: dict[str, dict[str, float]] = {}
    for name, entry in entries.items():
        value = getattr(entry, over, None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            groups.setdefault(entry.model_dump_json(exclude={over}), {})[name] = value
    return [group for group in groups.values() if len(set(group.values())) > 1]


def parts_of(config: Config, table: TableConfig) -> dict[str, SeedParts] | None:
    """Return the seeds that each init of a table fixes; None if they don't cross the parts of a seed.

    They do if they are adversarial, differ in these seeds alone, there is one for each pair of at least two seeds of
    both, and the study trains all of them by the table's recipes with at least two seeds.
    """
    study = config.studies[table.study]
    recipes = table.recipes or study.recipes
    found, alike = {}, set()
    for name in table.inits or study.inits:
        entry = config.inits[name]
        start = config.inits[entry.start] if isinstance(entry, AdversarialInit) else None
        if not isinstance(entry, AdversarialInit) or not isinstance(start, RandomInit):
            return None
        if entry.confusing_seed is None or start.seed is None or not all(study.has(name, each) for each in recipes):
            return None
        found[name] = SeedParts(weights=start.seed, confusing=entry.confusing_seed)
        alike.add((entry.model_dump_json(exclude={"start", "confusing_seed"}), start.model_dump_json(exclude={"seed"})))
    pairs = {(parts.weights, parts.confusing) for parts in found.values()}
    weights, confusing = ({pair[place] for pair in pairs} for place in (0, 1))
    crossed = len(found) == len(pairs) == len(weights) * len(confusing)
    several = min(len(weights), len(confusing), len(study.seeds)) > 1
    return found if crossed and several and len(alike) == 1 else None

"""Which measurements are made where: at the end of a run, against another, around it, along its path."""

from collections.abc import Mapping

from badminima.config import AdversarialInit, Config, RandomInit, StudyConfig
from badminima.config.options import LandscapeOptions
from badminima.config.registry import DIAGNOSTICS
from badminima.experiment.runs import Run, pretrained_inits, random_behind, study_runs, zoo_study

# Between what is measured and the one tensor or layer that it is measured of: ``distance.relative@0.weight``.
TENSOR = "@"
# Ends of the names of values that say how sure another one is, and are no measurements of their own: its standard error
# over random draws, the ends of its interval.
STANDARD_ERROR, UNCERTAINTIES = "_se", ("_se", "_low", "_high")


def of_tensor(statistic: str, tensor: str) -> str:
    """Name a statistic of one tensor or layer."""
    return f"{statistic}{TENSOR}{tensor}"


def is_of_tensor(name: str) -> bool:
    """Tell whether a measured value is of one tensor or layer."""
    return TENSOR in name


def standard_error_of(name: str) -> str:
    """Name the standard error of a measured value."""
    return f"{name}{STANDARD_ERROR}"


def is_uncertainty(name: str) -> bool:
    """Tell whether a measured value says how sure another one is."""
    return name.endswith(UNCERTAINTIES)


def measurements_of(config: Config, stage: str) -> list[str]:
    """Return the configured measurements that a stage makes, in the order of the registry."""
    return [name for name, entry in DIAGNOSTICS.entries.items() if entry.stage == stage and name in config.diagnostics]


def along(config: Config, run: Run) -> list[str]:
    """Return the diagnostics along a run: those of any study that has it.

    Along a pretraining, a run without a recipe, they are those of any study with an init made of it.
    """
    names = {
        name
        for study in config.studies.values()
        if study.along and run.dataset in study.datasets and run.model in study.models and run.seed in study.seeds
        if (study.has(run.init, run.recipe) if run.recipe else run.init in pretrained_inits(config, study))
        for name in study.along
    }
    return [name for name in DIAGNOSTICS.names if name in names]


def landscapes(config: Config, study: StudyConfig) -> dict[str, list[str]]:
    """Return the cells of a study whose first seed's surroundings are measured: inits pretrained on
    random labels -> the chosen recipes."""
    if not measurements_of(config, "landscape"):
        return {}
    chosen = LandscapeOptions(**config.measuring.options.get("landscape", {})).recipes
    return {
        init: [recipe for recipe in study.recipes if recipe in chosen and study.has(init, recipe)]
        for init in study.inits
        if isinstance(entry := config.inits[init], AdversarialInit) and entry.label_fraction > 0
    }


def landscape_runs(study: StudyConfig, cells: Mapping[str, list[str]]) -> list[Run]:
    """Return the runs of a study whose surroundings are measured."""
    return [run for run in study_runs(study) if run.recipe in cells.get(run.init, []) and run.seed == study.seeds[0]]


def compared_inits(config: Config, study: StudyConfig) -> list[str]:
    """Return the inits whose runs are compared: those made of random weights that the study starts from too."""
    if not measurements_of(config, "compare"):
        return []
    made = [name for name in study.inits if not isinstance(config.inits[name], RandomInit)]
    return [name for name in made if random_behind(config.inits, name) in study.inits]


def compared_together(config: Config) -> dict[tuple[str, ...], list[str]]:
    """Return the runs that one job compares: recipes -> the inits from which they are compared together.

    A job compares all runs of a dataset, model, init and seed whose recipes the same studies have, the zoo being one:
    so none waits for a run that it does not ask for. To start a process takes longer than to compare small networks.
    """
    studies = [(study, compared_inits(config, study)) for study in config.studies.values()]
    studies.append((zoo_study(config), compared_inits(config, config.studies[config.claims.study])))
    cells: dict[tuple[str, str], list[int]] = {}
    for number, (study, compared) in enumerate(studies):
        for init in study.inits:
            for recipe in study.recipes if init in compared else []:
                if study.has(init, recipe):
                    cells.setdefault((init, recipe), []).append(number)
    of_init: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for (init, recipe), numbers in cells.items():
        of_init.setdefault((init, tuple(numbers)), []).append(recipe)
    together: dict[tuple[str, ...], list[str]] = {}
    for (init, _), recipes in of_init.items():
        together.setdefault(tuple(recipe for recipe in config.recipes if recipe in recipes), []).append(init)
    return together

"""Lineage of a start: the runs, the pretraining and the random weights that an init comes from."""

from collections.abc import Mapping
from dataclasses import replace

from badminima.config import AdversarialInit, Config, InitConfig, RandomInit, RescaledInit, RunInit, StudyConfig
from badminima.experiment.runs import Run


def run_behind(inits: Mapping[str, InitConfig], run: Run) -> Run | None:
    """Return the run whose end point a run starts from, if its init is one."""
    entry = inits.get(run.init)
    return replace(run, init=entry.start, recipe=entry.recipe) if isinstance(entry, RunInit) else None


def with_runs_behind(inits: Mapping[str, InitConfig], runs: list[Run]) -> list[Run]:
    """Return some runs and all that they rest on, each once."""
    found = dict.fromkeys(runs)
    for run in runs:
        while (behind := run_behind(inits, run)) is not None:
            found[behind] = None
            run = behind
    return list(found)


def root_of(inits: Mapping[str, InitConfig], init: str) -> str:
    """Return the init at the root of a chain of runs; an init that is no end of a run is its own."""
    while isinstance(entry := inits.get(init), RunInit):
        init = entry.start
    return init


def random_behind(inits: Mapping[str, InitConfig], init: str) -> str:
    """Return the random init that an init is, or is made of in the end."""
    while not isinstance(entry := inits[init], RandomInit):
        init = entry.start
    return init


def reference_of(config: Config, run: Run) -> Run:
    """Return the run that a run is compared with: the same recipe and seed from the random weights behind its init."""
    assert not isinstance(config.inits[run.init], RandomInit)
    return replace(run, init=random_behind(config.inits, run.init))


def pretrained_inits(config: Config, study: StudyConfig) -> list[str]:
    """Return the pretrainings that the inits of a study are, or are made of."""
    return list(dict.fromkeys(behind for name in study.inits if (behind := pretraining_behind(config, name))))


def pretraining_behind(config: Config, init: str) -> str | None:
    """Return the adversarial init that an init is, takes its scale from, is made of, or comes from through runs."""
    root = root_of(config.inits, init)
    entry = config.inits[root]
    candidates = [entry.start, entry.like] if isinstance(entry, RescaledInit) else [root]
    return next((name for name in candidates if isinstance(config.inits[name], AdversarialInit)), None)


def pretrainings_needed(config: Config, init: str) -> list[str]:
    """Return the adversarial inits that are trained before runs from an init can start."""
    root = root_of(config.inits, init)
    entry = config.inits[root]
    made_of = [entry.start, entry.like] if isinstance(entry, RescaledInit) else [root]
    found = {name: made for name in made_of if isinstance(made := config.inits[name], AdversarialInit)}
    ends = [made.epochs_like for made in found.values() if made.epochs_like is not None]
    return list(dict.fromkeys([*found, *ends]))


def confusing_example(config: Config) -> tuple[str, str, int] | None:
    """Dataset, init and seed of the confusing set that is drawn: the first of the claims' study with random labels."""
    study = config.studies[config.claims.study]
    random = [
        name
        for name in study.inits
        if isinstance(init := config.inits[name], AdversarialInit) and init.label_fraction > 0
    ]
    return (study.datasets[0], random[0], study.seeds[0]) if random else None

"""Settings of the report's first page: its figure, and the facts that a reader needs to judge the numbers.

Pure and fast: no torch, no file access.
"""

from pydantic import Field

from badminima.config import Config, InitConfig, OptimizationConfig, RunInit, Section, StatisticsConfig
from badminima.experiment.lineage import with_runs_behind
from badminima.experiment.runs import all_runs


class OverviewSettings(Section):
    """Settings of the first page, beside verdicts, tables and its figure.

    Attributes:
        figure: the name of the figure on it, if there is one.
        studies: the studies whose runs it counts.
        ends: the inits that are end points of runs, which are counted too.
        facts: what the experiment is, by name.
        statistics: how intervals are made.
    """

    revision: int = 1
    figure: str | None
    studies: list[str]
    ends: dict[str, InitConfig] = Field({})
    facts: dict[str, str] = Field({})
    statistics: StatisticsConfig


def overview_settings(config: Config) -> OverviewSettings:
    """Settings of ``overview``."""
    return OverviewSettings(
        figure=headline_figure(config),
        studies=list(config.studies),
        ends={name: init for name, init in config.inits.items() if isinstance(init, RunInit)},
        facts=_facts(config),
        statistics=config.statistics,
    )


def headline_figure(config: Config) -> str | None:
    """The ablation of the claims' study, or else the first figure of that study."""
    names = [name for name, figure in config.figures.items() if figure.study == config.claims.study]
    ablations = [name for name in names if (config.figures[name].draw or name) == "ablation"]
    return next(iter([*ablations, *names]), None)


def _facts(config: Config) -> dict[str, str]:
    """The experiment in words; of inits and recipes, those of the runs of its studies, and of the runs behind them."""
    runs = with_runs_behind(config.inits, all_runs(config))
    inits, recipes = dict.fromkeys(run.init for run in runs), dict.fromkeys(run.recipe for run in runs)
    return {
        "Studies": "; ".join(f"{name}: {study.question}" for name, study in config.studies.items()),
        "Data": "; ".join(f"{name} ({_described(entry)})" for name, entry in config.datasets.items()),
        "Networks": "; ".join(f"{name} ({_described(entry)})" for name, entry in config.models.items()),
        "Initializations": "; ".join(f"{name} ({_described(config.inits[name])})" for name in inits),
        "Recipes": "; ".join(f"{name} ({_described(config.recipes[name]) or 'plain SGD'})" for name in recipes),
        "Pretraining": _optimization(config.pretraining, "at most "),
        "Training": _optimization(config.training),
        "Root seed": str(config.seed),
    }


def _described(entry: Section) -> str:
    """Describe a config entry by the values that differ from defaults."""
    values = entry.model_dump(exclude_defaults=True)
    return ", ".join(f"{key.replace('_', ' ')} {_text(value)}" for key, value in values.items())


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_text(item)}" for key, item in value.items())
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _optimization(phase: OptimizationConfig, bound: str = "") -> str:
    steps = f", times {phase.gamma:g} after {_text(phase.milestones)}" if phase.milestones else ""
    rate = f"learning rate {phase.learning_rate:g}{steps}"
    return (
        f"{bound}{phase.epochs} epochs, batch size {phase.batch_size}, {rate}, target accuracy {phase.target_accuracy}"
    )

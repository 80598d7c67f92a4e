"""Settings of the report: its figures, and the experiment in words.

Pure and fast: no torch, no file access.
"""

from typing import Self, get_args

from pydantic import Field

from badminima.analysis.claims import Role
from badminima.analysis.claims.grids import claimed_study, replications
from badminima.config import Config, InitConfig, OptimizationConfig, RunInit, Section, StatisticsConfig
from badminima.config.registry import FIGURES
from badminima.experiment.runs import all_runs, confusing_example, with_runs_behind


class ReportFigure(Section):
    """A figure of the report.

    Attributes:
        kind: the kind of figure, after which its caption is named.
        question: what it answers.
        study: the study that it is drawn from.
    """

    kind: str
    question: str
    study: str

    @classmethod
    def of(cls, config: Config, name: str) -> Self:
        """Return what the report says of a figure."""
        study = config.figures[name].study
        kind = config.figures[name].kind or name
        return cls(kind=kind, question=FIGURES.entry(kind).question or config.studies[study].question, study=study)


class ExploreSettings(Section):
    """Settings of the page to look closer at runs.

    Attributes:
        studies: what each study asks, by name.
    """

    revision: int = 1
    studies: dict[str, str] = Field({})

    @classmethod
    def of(cls, config: Config) -> Self:
        """Return the settings of ``explore``."""
        return cls(studies={name: study.question for name, study in config.studies.items()})


class ReportSettings(Section):
    """Settings of the report, beside verdicts, tables and figures.

    Attributes:
        headline: the name of the figure beside the answer, if there is one.
        figures: every figure, by name.
        studies: the studies whose runs it counts.
        claims: the study that each role of the claims is read from.
        replications: the inits of claim 6, with their R.
        toy: whether the toy is configured.
        confusing: whether a confusing set is drawn.
        overlays: the config files that its commands name.
        ends: the inits that are end points of runs, which are counted too.
        facts: what the experiment is, by name.
        statistics: how intervals are made.
    """

    revision: int = 1
    headline: str | None
    figures: dict[str, ReportFigure] = Field({})
    studies: list[str]
    claims: dict[str, str] = Field({})
    replications: dict[str, int] = Field({})
    toy: bool = False
    confusing: bool = False
    overlays: list[str] = Field([])
    ends: dict[str, InitConfig] = Field({})
    facts: dict[str, str] = Field({})
    statistics: StatisticsConfig

    @classmethod
    def of(cls, config: Config, overlays: list[str]) -> Self:
        """Return the settings of ``report``, started with some overlays."""
        roles = {role: claimed_study(config, role) for role in get_args(Role)}
        return cls(
            headline=headline_figure(config),
            figures={name: ReportFigure.of(config, name) for name in config.figures},
            studies=list(config.studies),
            claims={role: study for role, study in roles.items() if study is not None},
            replications=replications(config),
            toy=config.toy is not None,
            confusing=confusing_example(config) is not None,
            overlays=overlays,
            ends={name: init for name, init in config.inits.items() if isinstance(init, RunInit)},
            facts=_facts(config),
            statistics=config.statistics,
        )


def headline_figure(config: Config) -> str | None:
    """Return the ablation of the claims' study, or that study's first figure."""
    names = [name for name, figure in config.figures.items() if figure.study == config.claims.study]
    ablations = [name for name in names if (config.figures[name].kind or name) == "ablation"]
    return next(iter([*ablations, *names]), None)


def _facts(config: Config) -> dict[str, str]:
    """Describe the experiment; inits and recipes are those of its runs."""
    runs = with_runs_behind(config.inits, all_runs(config))
    inits, recipes = dict.fromkeys(run.init for run in runs), dict.fromkeys(run.recipe for run in runs)
    return {
        "Studies": "; ".join(f"{name}: {study.question}" for name, study in config.studies.items()),
        "Data": "; ".join(f"{name} ({_text(entry)})" for name, entry in config.datasets.items()),
        "Networks": "; ".join(f"{name} ({_text(entry)})" for name, entry in config.models.items()),
        "Initializations": "; ".join(f"{name} ({_text(config.inits[name])})" for name in inits),
        "Recipes": "; ".join(f"{name} ({_text(config.recipes[name]) or 'plain SGD'})" for name in recipes),
        "Pretraining": _optimization(config.pretraining, "at most "),
        "Training": _optimization(config.training),
        "Root seed": str(config.seed),
    }


def _text(value: object) -> str:
    """Return a value in words; a config entry by what differs from its defaults."""
    if isinstance(value, Section):
        value = value.model_dump(exclude_defaults=True)
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_text(item)}" for key, item in value.items())
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _optimization(phase: OptimizationConfig, bound: str = "") -> str:
    steps = f", times {phase.gamma:g} after {_text(phase.milestones)}" if phase.milestones else ""
    rate = f"learning rate {phase.learning_rate:g}{steps}"
    return (
        f"{bound}{phase.epochs} epochs, batch size {phase.batch_size}, {rate}, target accuracy {phase.target_accuracy}"
    )

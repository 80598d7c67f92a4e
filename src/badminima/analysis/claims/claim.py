"""The definition of a claim."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from badminima.config.studies import Region
from badminima.config.training import BASELINE_INIT, BASELINE_RECIPE, SCALE_CONTROL
from badminima.experiment.runs import Cell

# What a claim is read from: one of the studies that ``claims`` in the config names, or the toy.
Role = Literal["study", "control", "replication", "label_noise", "toy"]
Scale = Literal["percent", "points", "factor", "number"]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement that data can decide.

    Attributes:
        number: number in the paper's order, with a letter and a name where one statement has several parts.
        statement: the sentence.
        statistic: what is estimated, in words.
        estimator: how it is estimated, by its name in ``evidence.ESTIMATORS``.
        cells: the cells (init, recipe) that it is estimated from, in the order that the estimator takes them; empty:
            vanilla SGD from every init of ``ClaimsSettings.replications``.
        column: the column of ``runs.csv`` that it is estimated from, where that is not the accuracy.
        divisor: the column that this one is divided by, where two measurements of the same runs are compared.
        study: what has these cells.
        region: the claimed side: ``above`` the threshold, or ``within`` plus and minus the threshold.
        threshold: 0; none, where the statistic is only stated; or a number that ``StatisticsConfig`` has: its margin,
            minus that, the logarithm of its margin for ratios, or the accuracy that counts as fitted.
        scale: how people read the statistic: a percentage, points of accuracy, the factor that a logarithm stands for,
            or a plain number.
        minima: whether it is about minima, so that every run has to fit its training set; else runs need not.
        with_control: whether its row also gives the statistic against the scale control, in place of random weights.
        figures: the kinds of figure that show it, best first.
    """

    number: str
    statement: str
    statistic: str
    estimator: str
    cells: tuple[Cell, ...] = ()
    column: str = ""
    divisor: str = ""
    study: Role = "study"
    region: Region = "above"
    threshold: Literal["zero", "none", "margin", "minus_margin", "ratio_margin", "fitted"] = "zero"
    scale: Scale = "points"
    minima: bool = False
    with_control: bool = False
    figures: tuple[str, ...] = ("ablation", "escape")

    @property
    def group(self) -> str:
        """The claims that it is checked together with: their target is ``claim_{group}``."""
        return re.findall(r"^\d+|^[a-z]+", self.number)[0]

    @property
    def diagnostic(self) -> str | None:
        """The diagnostic that it needs, beside what a training leaves."""
        name, dot, _ = self.column.partition(".")
        return name if dot else None

    def cells_among(self, replications: Mapping[str, int]) -> tuple[Cell, ...]:
        """Return the cells that it is estimated from; ``replications`` are those of ``ClaimsSettings``."""
        return self.cells or tuple((init, BASELINE_RECIPE) for init in replications)

    @property
    def against_control(self) -> "Claim | None":
        """Return the claim with the scale control in place of random weights; None where its row has no such column."""
        if not self.with_control:
            return None
        cells = tuple((SCALE_CONTROL if init == BASELINE_INIT else init, recipe) for init, recipe in self.cells)
        return replace(self, cells=cells)

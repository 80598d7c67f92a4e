"""Measurements of a run's end point: one module each, one registry.

A measurement is a function ``measure(context) -> dict[str, float]``. A key is ``family.statistic``, with
``@tensor`` appended for the value of one parameter tensor: ``distance.relative@0.weight``.
"""

from dataclasses import dataclass

from badminima.models.weights import Weights
from badminima.registry import DIAGNOSTICS


@dataclass(frozen=True)
class Context:
    """What a measurement may look at.

    Attributes:
        start: the weights the run started from.
        end: the weights it ended at.
    """

    start: Weights
    end: Weights


def diagnose(context: Context, names: list[str]) -> dict[str, float]:
    """Make the measurements called ``names``; raises UserError if there is no code for one."""
    measured: dict[str, float] = {}
    for name in names:
        measured.update(DIAGNOSTICS.load(name)(context))
    return measured

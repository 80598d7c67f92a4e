"""Companions of a training that leave its weights alone."""

from collections.abc import Callable
from dataclasses import dataclass

from badminima.models.weights import Weights
from badminima.training.history import HistoryRow
from badminima.training.interruption import Interruption
from badminima.training.restart import RestartPoints

# Measures a network in training by its weights: name -> number.
Measure = Callable[[Weights], dict[str, float]]


@dataclass(frozen=True)
class Hooks:
    """The companions of a training.

    Attributes:
        report: called with every evaluated epoch.
        measure: called with the weights at every evaluated epoch; its numbers become columns of the history. It leaves
            torch's global state as it is. None: nothing more.
        points: where to go on from, and where to leave restart points; None: nowhere.
        interruption: asks for an early end; needs ``points``.
    """

    report: Callable[[HistoryRow], None] = lambda row: None
    measure: Measure | None = None
    points: RestartPoints | None = None
    interruption: Interruption | None = None


NO_HOOKS = Hooks()

"""The files that a run's measurements read, by name."""

from dataclasses import dataclass
from pathlib import Path

from badminima.data.confusing import read_confusing
from badminima.data.prepared import read_prepared
from badminima.diagnostics.context import Context
from badminima.experiment.slices import DiagnoseSettings
from badminima.models.weights import read_weights


@dataclass(frozen=True)
class Inputs:
    """Files of a run.

    Attributes:
        weights: what it ended at.
        start: what it started from.
        prepared: its dataset.
        confusing: the confusing set behind its start, or None.
        random: the random weights behind its start, or None.
        reference: the weights of another run, or None.
    """

    weights: Path
    start: Path | None = None
    prepared: Path | None = None
    confusing: Path | None = None
    random: Path | None = None
    reference: Path | None = None


def read_context(settings: DiagnoseSettings, inputs: Inputs) -> Context:
    """Read what is given; raises UserError if a file is missing or damaged."""
    end = read_weights(inputs.weights)
    return Context(
        settings,
        start=end if inputs.start is None else read_weights(inputs.start),
        end=end,
        random=None if inputs.random is None else read_weights(inputs.random),
        dataset=None if inputs.prepared is None else read_prepared(inputs.prepared, "pt"),
        confusing=None if inputs.confusing is None else read_confusing(inputs.confusing),
        reference=None if inputs.reference is None else read_weights(inputs.reference),
    )

"""The files that a run's measurements read, by name."""

from dataclasses import dataclass, replace
from pathlib import Path

from badminima.data.confusing import read_confusing
from badminima.data.prepared import read_prepared
from badminima.diagnostics.context import Context
from badminima.experiment.records import Coordinates, Measured, record_beside, require_run
from badminima.experiment.settings import DiagnoseSettings
from badminima.models.weights import read_weights
from badminima.storage.tensorfiles import stated_digest


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

    def digests(self) -> Measured:
        """Return the digest of each file; raises UserError if one is missing or damaged."""
        roles = {"dataset" if name == "prepared" else name: path for name, path in vars(self).items()}
        return Measured(**{role: stated_digest(path) for role, path in roles.items() if path is not None})


def read_context(settings: DiagnoseSettings, inputs: Inputs) -> Context:
    """Read the files of a run.

    Raises:
        UserError: if a file is missing or damaged, or is not of the run that the record beside the weights names.
    """
    _require_one_run(settings, inputs)
    return read_files(settings, inputs)


def read_files(settings: DiagnoseSettings, inputs: Inputs) -> Context:
    """Read what is given, whatever it belongs to; raises UserError if a file is missing or damaged."""
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


def _require_one_run(settings: DiagnoseSettings, inputs: Inputs) -> None:
    """Make sure that all files belong to one run; weights without a record beside them belong to none."""
    record = record_beside(inputs.weights)
    if record is None:
        return
    run = Coordinates.model_validate(settings.model_dump()).run
    require_run(record.path, record.stated.settings, run)
    made_from = {
        "dataset": inputs.prepared,
        **{name: getattr(inputs, name) for name in ("start", "confusing", "random")},
    }
    for role, path in made_from.items():
        if path is not None:
            record.require(role, path)
    reference = None if inputs.reference is None else record_beside(inputs.reference)
    if reference is not None:
        other = reference.stated.settings
        require_run(reference.path, other, replace(run, init=other.init))
        if inputs.prepared is not None:
            reference.require("dataset", inputs.prepared)

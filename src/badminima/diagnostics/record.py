"""The content of a file of measurements, and what to say of it."""

import sys

from badminima.diagnostics.diagnose import Measured
from badminima.diagnostics.inputs import Inputs
from badminima.experiment.settings import DiagnoseSettings
from badminima.storage.device import choose_device
from badminima.storage.provenance import provenance


def record(settings: DiagnoseSettings, inputs: Inputs, names: list[str], measured: Measured) -> dict[str, object]:
    """Return what was measured of which files, what was skipped or failed and why, the seconds each took, and where."""
    return {
        "settings": settings.model_dump(mode="json"),
        "made_from": inputs.digests().model_dump(),
        "measurements": names,
        "values": measured.values,
        "skipped": measured.skipped,
        "failed": measured.failed,
        "seconds": measured.seconds,
        **provenance(choose_device(settings.device)),
    }


def tell_failures(measured: Measured) -> None:
    """Say on stderr which measurements failed and why, below whatever they said themselves."""
    for name, reason in measured.failed.items():
        print(f"{name}: failed ({reason})", file=sys.stderr, flush=True)

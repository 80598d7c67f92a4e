"""Weight norms at the start and the end of a run."""

import numpy as np

from badminima.diagnostics.context import Context
from badminima.experiment.measured import of_tensor


def measure(context: Context) -> dict[str, float]:
    """Frobenius norms over parameters alone (no BatchNorm statistics).

    - ``norm.start``, ``norm.end``: of all parameters together.
    - ``norm.end@tensor``: of one tensor at the end.
    """
    measured = {
        "norm.start": float(np.linalg.norm(context.start.vector())),
        "norm.end": float(np.linalg.norm(context.end.vector())),
    }
    for name, tensor in context.end.parameters.items():
        measured[of_tensor("norm.end", name)] = float(np.linalg.norm(tensor.astype(np.float64)))
    return measured

"""Draw random initial weights.

Args:
    weights: output: the weights (safetensors).
"""

from badminima.cli import Input, Output, command
from badminima.data.prepared import read_prepared
from badminima.experiment.settings import InitializeSettings
from badminima.models import starts
from badminima.models.weights import write_weights


@command
def initialize(prepared: Input, settings: InitializeSettings, weights: Output) -> None:
    write_weights(weights, starts.initialize(settings, read_prepared(prepared)))

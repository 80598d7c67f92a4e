"""Give weights the scale of others: their norms, their spread of logits, or both.

Args:
    start: weights whose directions are kept.
    like: weights whose scale is taken.
    weights: output: the weights (safetensors).
"""

from badminima.cli import Count, Input, Output, command
from badminima.data.prepared import read_prepared
from badminima.experiment.settings import RescaleSettings
from badminima.models import starts
from badminima.models.numerics import begin_job
from badminima.models.weights import read_weights, write_weights


@command
def rescale(
    prepared: Input, start: Input, like: Input, settings: RescaleSettings, weights: Output, threads: Count = 1
) -> None:
    begin_job("cpu", 0, threads)
    made = starts.rescale(settings, read_weights(start), read_weights(like), read_prepared(prepared, "pt"))
    write_weights(weights, made)

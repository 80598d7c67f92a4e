"""Build the confusing set of a dataset (the paper's Algorithm 1).

Args:
    confusing: output: labels and zero masks (safetensors).
"""

from badminima.cli import Input, Output, command
from badminima.data import confusing as algorithm
from badminima.data.prepared import read_prepared
from badminima.experiment.settings import ConfuseSettings


@command
def confuse(prepared: Input, settings: ConfuseSettings, confusing: Output) -> None:
    dataset = read_prepared(prepared)
    facts = algorithm.confuse(dataset, settings, confusing)
    copies = len(dataset.train_labels) * settings.replication
    print(
        f"{copies} copies, {facts.conflicting_copies} identical to one with another label; "
        f"reachable accuracy {facts.reachable_accuracy:.4%}"
    )

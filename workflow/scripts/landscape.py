"""Measure the loss on the path random -> adversarial -> end of a run, and on the plane through the three.

Args:
    random: the random weights that pretraining started from.
    start: the weights that the run started from.
    weights: the weights that it ended at.
    landscape: output: losses and accuracies (CSV).
"""

from badminima.cli import Count, Gpus, Input, Output, command
from badminima.diagnostics import landscape as measuring
from badminima.diagnostics.context import Skipped
from badminima.diagnostics.diagnose import Inputs, read_context
from badminima.experiment.records import OF_WEIGHTS
from badminima.experiment.settings import DiagnoseSettings
from badminima.models.numerics import begin_job
from badminima.storage.files import write_csv
from badminima.storage.tensorfiles import stated_digest


@command
def landscape(
    random: Input,
    start: Input,
    weights: Input,
    prepared: Input,
    settings: DiagnoseSettings,
    landscape: Output,
    threads: Count = 1,
    gpus: Gpus = 0,
) -> None:
    begin_job(settings.device, gpus, threads)
    context = read_context(settings, Inputs(weights, start, prepared, random=random))
    try:
        rows = list(measuring.landscape(context))
    except Skipped as reason:
        print(f"skipped: {reason}")
        rows = []
    digest = stated_digest(weights)
    write_csv(landscape, [*measuring.COLUMNS, OF_WEIGHTS], (row | {OF_WEIGHTS: digest} for row in rows))

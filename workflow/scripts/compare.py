"""Compare trained networks with their references, one after the other, each into a file of its own.

Args:
    weights: weights that a run ended at; repeat.
    reference: the weights to compare them with; repeat.
    settings: its settings; repeat.
    comparison: output: its comparison (JSON); repeat.
"""

from badminima.cli import Count, Gpus, Input, Output, command
from badminima.diagnostics.diagnose import Inputs, diagnose, read_context, record, tell_failures
from badminima.experiment.settings import DiagnoseSettings
from badminima.models.numerics import begin_job
from badminima.storage.files import write_json


@command
def compare(
    prepared: Input,
    weights: tuple[Input, ...],
    reference: tuple[Input, ...],
    settings: tuple[DiagnoseSettings, ...],
    comparison: tuple[Output, ...],
    threads: Count = 1,
    gpus: Gpus = 0,
) -> None:
    begin_job(settings[0].device, gpus, threads)
    for end, other, of_run, output in zip(weights, reference, settings, comparison, strict=True):
        inputs = Inputs(end, prepared=prepared, reference=other)
        measured = diagnose(read_context(of_run, inputs), of_run.measurements)
        write_json(output, record(of_run, inputs, of_run.measurements, measured))
        tell_failures(measured)
        print(f"compared: {output}")

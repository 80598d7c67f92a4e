"""Compare trained networks with their references, one after the other, each into a file of its own."""

from pathlib import Path

import click

from badminima.cli import INPUT_FILE, OUTPUT_FILE, SettingsType, gpus_option, one_line_errors, threads_option
from badminima.diagnostics.diagnose import Inputs, diagnose, read_context, record, tell_failures
from badminima.errors import UserError
from badminima.experiment.settings import DiagnoseSettings
from badminima.storage.files import write_json
from badminima.training.numerics import begin_job


@click.command(help=__doc__)
@click.option("--prepared", type=INPUT_FILE, required=True, help="The prepared dataset.")
@click.option("--weights", type=INPUT_FILE, multiple=True, required=True, help="Weights a run ended at; repeat.")
@click.option("--reference", type=INPUT_FILE, multiple=True, help="The weights to compare them with; repeat.")
@click.option("--settings", type=SettingsType(DiagnoseSettings), multiple=True, help="Its settings; repeat.")
@click.option("--comparison", type=OUTPUT_FILE, multiple=True, help="Output: its comparison (JSON); repeat.")
@threads_option
@gpus_option
@one_line_errors
def main(
    prepared: Path,
    weights: tuple[Path, ...],
    reference: tuple[Path, ...],
    settings: tuple[DiagnoseSettings, ...],
    comparison: tuple[Path, ...],
    threads: int,
    gpus: int,
) -> None:
    given = {"--reference": reference, "--settings": settings, "--comparison": comparison}
    for option, values in given.items():
        if len(values) != len(weights):
            raise UserError(option, f"{len(values)} of them", f"give one for each of the {len(weights)} --weights")
    begin_job(settings[0].device, gpus, threads)
    for end, other, of_run, output in zip(weights, reference, settings, comparison, strict=True):
        inputs = Inputs(end, prepared=prepared, reference=other)
        measured = diagnose(read_context(of_run, inputs), of_run.measurements)
        write_json(output, record(of_run, inputs, of_run.measurements, measured))
        tell_failures(measured)
        click.echo(f"compared: {output}")


if __name__ == "__main__":
    main()

"""Measure the loss on the path random -> adversarial -> end of a run, and on the plane through the three."""

from pathlib import Path

import click

from badminima.cli import INPUT_FILE, OUTPUT_FILE, gpus_option, one_line_errors, settings_option, threads_option
from badminima.diagnostics.context import Skipped
from badminima.diagnostics.diagnose import Inputs, read_context
from badminima.diagnostics.landscape import COLUMNS, landscape
from badminima.experiment.records import OF_WEIGHTS
from badminima.experiment.settings import DiagnoseSettings
from badminima.storage.files import write_csv
from badminima.storage.tensorfiles import stated_digest
from badminima.training.numerics import begin_job


@click.command(help=__doc__)
@click.option("--random", type=INPUT_FILE, required=True, help="The random weights that pretraining started from.")
@click.option("--start", type=INPUT_FILE, required=True, help="The weights the run started from.")
@click.option("--weights", type=INPUT_FILE, required=True, help="The weights it ended at.")
@click.option("--prepared", type=INPUT_FILE, required=True, help="The prepared dataset.")
@settings_option(DiagnoseSettings)
@threads_option
@gpus_option
@click.option("--landscape", "output", type=OUTPUT_FILE, required=True, help="Output: losses and accuracies (CSV).")
@one_line_errors
def main(
    random: Path,
    start: Path,
    weights: Path,
    prepared: Path,
    settings: DiagnoseSettings,
    threads: int,
    gpus: int,
    output: Path,
) -> None:
    begin_job(settings.device, gpus, threads)
    context = read_context(settings, Inputs(weights, start, prepared, random=random))
    try:
        rows = list(landscape(context))
    except Skipped as reason:
        click.echo(f"skipped: {reason}")
        rows = []
    digest = stated_digest(weights)
    write_csv(output, [*COLUMNS, OF_WEIGHTS], (row | {OF_WEIGHTS: digest} for row in rows))


if __name__ == "__main__":
    main()

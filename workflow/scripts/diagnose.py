"""Measure a trained network: everything asked for, into one file; what fails is recorded as skipped.

By hand: `python workflow/scripts/diagnose.py --weights RUN/weights.safetensors --only sharpness` finds the run's other
files by their places under the results folder and prints what it measured. With `--settings` (a text like the
"settings" of a diagnostics.json) every file is to be named.
"""

import json
from pathlib import Path

import click

from badminima.cli import INPUT_FILE, OUTPUT_FILE, gpus_option, one_line_errors, settings_option, threads_option
from badminima.config.registry import DIAGNOSTICS
from badminima.diagnostics.diagnose import Inputs, diagnose, read_context, record, tell_failures
from badminima.errors import UserError
from badminima.experiment.settings import DiagnoseSettings
from badminima.results.beside import beside, settings_beside
from badminima.storage.files import write_json
from badminima.training.numerics import begin_job

STAGES = ("diagnose", "compare")
NAMES = [name for name, entry in DIAGNOSTICS.entries.items() if entry.stage in STAGES]


@click.command(help=__doc__)
@click.option("--weights", type=INPUT_FILE, required=True, help="Weights the run ended at.")
@click.option("--start", type=INPUT_FILE, help="Weights the run started from.")
@click.option("--prepared", type=INPUT_FILE, help="The prepared dataset.")
@click.option("--confusing", type=INPUT_FILE, help="The confusing set behind its start, if there is one.")
@click.option("--random", type=INPUT_FILE, help="The random weights behind its start, if it was pretrained.")
@click.option("--reference", type=INPUT_FILE, help="Weights of another run, to compare with.")
@settings_option(DiagnoseSettings, required=False)
@click.option("--only", multiple=True, type=click.Choice(NAMES), help="Measurement; repeat. Default: all.")
@threads_option
@gpus_option
@click.option("--diagnostics", type=OUTPUT_FILE, help="Output: the measurements (JSON). Default: printed.")
@one_line_errors
def main(
    weights: Path,
    start: Path | None,
    prepared: Path | None,
    confusing: Path | None,
    random: Path | None,
    reference: Path | None,
    settings: DiagnoseSettings | None,
    only: tuple[str, ...],
    threads: int,
    gpus: int,
    diagnostics: Path | None,
) -> None:
    if not weights.is_file():
        raise UserError(weights, "no such file", "give the weights.safetensors of a run")
    given = Inputs(weights, start, prepared, confusing, random, reference)
    if settings is None:
        settings, given = settings_beside(weights), beside(given)
        names = list(only) or NAMES
    else:
        names = list(only) or settings.measurements
    begin_job(settings.device, gpus, threads)
    if given.start is None and any(DIAGNOSTICS.entry(name).needs_start for name in names):
        raise UserError("--start", "nothing", "the weights that the run started from are needed, or --only others")
    measured = diagnose(read_context(settings, given), names)
    result = record(settings, given, names, measured)
    if diagnostics is not None:
        write_json(diagnostics, result)
        tell_failures(measured)
        return
    click.echo(json.dumps(result, indent=2))
    if not measured.values:
        reasons = "; ".join(f"{name}: {why}" for name, why in {**measured.skipped, **measured.failed}.items())
        raise UserError("measurements", "none could be made", reasons)
    tell_failures(measured)


if __name__ == "__main__":
    main()

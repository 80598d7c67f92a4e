"""Measure a trained network: everything asked for, into one file; what fails is recorded as skipped.

By hand: `python workflow/scripts/diagnose.py --weights RUN/weights.safetensors --only sharpness` finds the run's other
files by their places under the results folder and prints what it measured. With `--settings` (a text like the
"settings" of a diagnostics.json) every file is to be named.

Args:
    weights: weights that the run ended at.
    start: weights that the run started from.
    confusing: the confusing set behind its start, if there is one.
    random: the random weights behind its start, if it was pretrained.
    reference: weights of another run, to compare with.
    only: measurement; repeat. Default: all.
    diagnostics: output: the measurements (JSON). Default: printed.
"""

import json

from badminima.cli import Count, Gpus, Input, Output, command
from badminima.config.registry import DIAGNOSTICS
from badminima.diagnostics import diagnose as measuring
from badminima.diagnostics.diagnose import Inputs, read_context, record, tell_failures
from badminima.errors import UserError
from badminima.experiment.settings import DiagnoseSettings
from badminima.models.numerics import begin_job
from badminima.results.beside import beside, settings_beside
from badminima.storage.files import write_json


@command
def diagnose(
    weights: Input,
    start: Input | None = None,
    prepared: Input | None = None,
    confusing: Input | None = None,
    random: Input | None = None,
    reference: Input | None = None,
    settings: DiagnoseSettings | None = None,
    only: tuple[str, ...] = (),
    threads: Count = 1,
    gpus: Gpus = 0,
    diagnostics: Output | None = None,
) -> None:
    given = Inputs(weights, start, prepared, confusing, random, reference)
    if settings is None:
        settings, given = settings_beside(weights), beside(given)
        names = list(only) or [name for name, entry in DIAGNOSTICS.entries.items() if entry.stage != "landscape"]
    else:
        names = list(only) or settings.measurements
    begin_job(settings.device, gpus, threads)
    if given.start is None and any(DIAGNOSTICS.entry(name).needs_start for name in names):
        raise UserError("--start", "nothing", "the weights that the run started from are needed, or --only others")
    measured = measuring.diagnose(read_context(settings, given), names)
    result = record(settings, given, names, measured)
    if diagnostics is None:
        print(json.dumps(result, indent=2))
    else:
        write_json(diagnostics, result)
    tell_failures(measured)

"""Stages ``diagnose`` and ``compare``: make measurements, each for itself."""

import time
import traceback
from dataclasses import dataclass, field

from badminima.config.registry import DIAGNOSTICS
from badminima.diagnostics.context import Context, Skipped
from badminima.errors import UserError


@dataclass(frozen=True)
class Measured:
    """The measurements of a run.

    Attributes:
        values: the numbers by key.
        seconds: what each measurement took.
        skipped: why a measurement does not apply to the run, by its name.
        failed: the error that ended a measurement, by its name.
    """

    values: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def diagnose(context: Context, names: list[str], tracebacks: bool = True) -> Measured:
    """Make the measurements called ``names``.

    A measurement that fails is recorded with its error, its traceback goes to stderr (unless ``tracebacks`` is
    false), and the others go on.

    Raises:
        UserError: if there is no code for one, or an input is damaged.
    """
    measured = Measured()
    finite = context.end.is_finite()
    for name in names:
        started = time.perf_counter()
        measure = DIAGNOSTICS.load(name)
        if not finite and DIAGNOSTICS.entry(name).needs_finite:
            measured.skipped[name] = "the run's weights are not finite"
            measured.seconds[name] = 0.0
            continue
        try:
            measured.values.update(measure(context))
        except Skipped as reason:
            measured.skipped[name] = str(reason)
        except UserError:
            raise
        except Exception as error:  # a number that cannot be had must not cost the others
            measured.failed[name] = f"{type(error).__name__}: {' '.join(str(error).split())}"
            if tracebacks:
                traceback.print_exc()
        measured.seconds[name] = time.perf_counter() - started
    return measured

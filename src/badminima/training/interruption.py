"""Signals that ask a training to stop: it finishes its step, writes a restart point and leaves."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# SIGUSR1 is what SLURM can be asked to send before a job's time is up.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
# sysexits.h: a failure that may pass. Says "interrupted, start me again" to whoever looks at exit codes.
EXIT_CODE = 75


class Interrupted(Exception):  # noqa: N818
    """A training was asked to stop and has written a restart point."""


class Interruption:
    """Remembers the signal that asked for the end.

    Attributes:
        signal_name: its name, or None.
    """

    def __init__(self) -> None:
        self.signal_name: str | None = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal_name is not None:  # asked twice: do not wait for the end of the step
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.signal_name = signal.Signals(number).name


@contextmanager
def watch_signals() -> Iterator[Interruption]:
    """Catch the signals while the block runs."""
    interruption = Interruption()
    before = {number: signal.signal(number, interruption._handle) for number in SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Signals that ask a training to stop: it finishes its step, writes a restart point and leaves."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# SIGUSR1 is what SLURM can be asked to send before a job's time is up.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
# Seconds after which a second Ctrl-C ends the process without a restart point.
PATIENCE = 3.0


class Interruption:
    """Remembers the signal that asked for the end.

    Attributes:
        signal_name: its name, or None.
    """

    def __init__(self) -> None:
        self.signal_name: str | None = None
        self._since = 0.0

    def _handle(self, number: int, frame: FrameType | None) -> None:
        # Schedulers deliver a signal more than once; only Ctrl-C again after a while means "at once".
        patience_is_over = self.signal_name == "SIGINT" and time.monotonic() - self._since > PATIENCE
        if number == signal.SIGINT and patience_is_over:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        if self.signal_name is None:
            self.signal_name, self._since = signal.Signals(number).name, time.monotonic()


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

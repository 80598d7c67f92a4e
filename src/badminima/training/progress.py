"""Showing a training as it goes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from badminima.cli import Progress
from badminima.experiment.settings import TrainSettings
from badminima.training.history import HistoryRow


@contextmanager
def show_rows(settings: TrainSettings) -> Iterator[Callable[[HistoryRow], None]]:
    """Yield a callback that shows each evaluated epoch; the display ends with the block."""
    progress = Progress(settings.optimization.epochs, f"{settings.phase} {settings.init} {settings.recipe_name}")

    def report(row: HistoryRow) -> None:
        progress.update(
            row.epoch, f"loss {row.train_loss:.4f} train {row.train_accuracy:.2%} test {row.test_accuracy:.2%}"
        )

    try:
        yield report
    finally:
        progress.close()

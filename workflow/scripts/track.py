"""Send RESULTS to an experiment tracker, as a folder in its own offline format.

Every trained run is sent with its settings, curves and measurements; figures and claims are sent once.

Args:
    to: the tracker: tensorboard, mlflow or wandb.
    output: output folder; absent or empty.
"""

from pathlib import Path
from typing import Annotated

from badminima.cli import ARGUMENT, FOLDER, Folder, Progress, command
from badminima.errors import UserError
from badminima.results import trackers
from badminima.results.results import Results


@command
def track(results: Annotated[Path, FOLDER, ARGUMENT], to: str, output: Folder) -> None:
    found = Results(results)
    runs = len(found.trained)
    if not runs:
        raise UserError(results, "no trained run", "run the pipeline first")
    progress = Progress(runs, "track")
    trackers.track(found, to, output, progress.update)
    progress.close()
    print(f"{runs} runs for {to} in {output}")

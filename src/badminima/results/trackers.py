"""Send results to an experiment tracker: a folder in its own offline format, for its own viewer.

Each training becomes a run of the tracker, named as its folder is: settings as parameters, the history as curves by
epoch, measurements as single numbers. One more, ``figures_and_claims``, has the figures and the table of claims.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from badminima.analysis.tables import read_csv
from badminima.errors import UserError
from badminima.experiment.measured import is_of_tensor
from badminima.experiment.paths import HISTORY, RECORD
from badminima.experiment.records import name_of, read_record
from badminima.experiment.runs import Run
from badminima.results.export import measurements_of, require_empty
from badminima.results.results import Results
from badminima.zoo import markdown_table

STUDY = "figures_and_claims"
# What of a record is told beside its settings.
FACTS = ("status", "epochs", "evaluated_on")
# Every evaluation makes these: an empty one is a number that is not finite.
ALWAYS = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
# What keeps the trackers' own packages from calling home; they read it when they are imported.
OFFLINE = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false"}
# What MLflow takes in one call.
MOST_METRICS, MOST_PARAMETERS = 1000, 100


@dataclass(frozen=True)
class Tracked:
    """A run as a tracker takes it.

    Attributes:
        name: ``dataset/model/init/recipe/seedN``.
        parameters: settings by dotted name, lists as JSON, without those that are off.
        facts: how it ended.
        curves: per evaluated epoch, columns of the history.
        measurements: of the whole network; those that are not finite are left out.
    """

    name: str
    parameters: dict[str, str | int | float]
    facts: dict[str, str | int]
    curves: dict[int, dict[str, float]]
    measurements: dict[str, float]

    @property
    def points(self) -> Iterator[tuple[str, float, int]]:
        """Name, value and epoch of each number; measurements are made at the end."""
        for epoch, values in [*self.curves.items(), (int(self.facts["epochs"]), self.measurements)]:
            yield from ((name, value, epoch) for name, value in values.items())


def track(
    results: Results, to: str, output: Path, report: Callable[[int, str], None] = lambda done, name: None
) -> None:
    """Write the runs, figures and claims of results for a tracker.

    Args:
        results: where they lie.
        to: one of ``TRACKERS``.
        output: the folder; absent or empty.
        report: called with the number of runs done, and the last one's name.

    Raises:
        UserError: if the tracker is not installed, there is something in the folder, or a file of a run is missing,
            damaged or another run's.
    """
    os.environ.update(OFFLINE)
    try:
        import_module(to)
    except ImportError:
        raise UserError("--to", f"no {to}", f"pip install 'badminima[{to}]'") from None

    def runs() -> Iterator[Tracked]:
        for done, run in enumerate(results.trained, start=1):
            tracked = tracked_run(results, run)
            yield tracked
            report(done, tracked.name)

    require_empty(output)
    output.mkdir(parents=True, exist_ok=True)
    try:  # not in a temporary folder that is renamed: trackers write down where it lies
        TRACKERS[to](runs(), results, output)
    except BaseException:
        shutil.rmtree(output, ignore_errors=True)
        raise


def tracked_run(results: Results, run: Run) -> Tracked:
    """Read a run for a tracker; raise UserError if a file of it is missing, damaged or another run's."""
    folder = results.paths.run(run)
    record = read_record(folder / RECORD, run)
    record.require("history", folder / HISTORY)
    history = read_csv(folder / HISTORY).select_dtypes("number")
    values = {name: value for file in measurements_of(record) for name, value in file["values"].items()}
    return Tracked(
        name=name_of(run),
        parameters=_flat(record.content["settings"]),
        facts={name: record.content[name] for name in FACTS},
        curves={int(row["epoch"]): _curve_values(row.drop("epoch")) for _, row in history.iterrows()},
        measurements={
            name: float(value) for name, value in values.items() if value is not None and not is_of_tensor(name)
        },
    )


def _to_tensorboard(runs: Iterator[Tracked], results: Results, folder: Path) -> None:
    """Write event files: a folder per run."""
    import numpy as np
    from PIL import Image
    from torch.utils.tensorboard import SummaryWriter, summary

    for run in runs:
        with SummaryWriter(str(folder / run.name)) as events:
            # Without an experiment of its own TensorBoard finds all parameters of all runs.
            _, start, end = summary.hparams({**run.parameters, **run.facts}, {})
            events.file_writer.add_summary(start)
            for name, value, epoch in run.points:
                events.add_scalar(name, value, epoch)
            events.file_writer.add_summary(end)
    with SummaryWriter(str(folder / STUDY)) as events:
        for name, path in _figures(results).items():
            events.add_image(name, np.asarray(Image.open(path).convert("RGB")), 0, dataformats="HWC")
        if results.claims_files:
            claims = results.claims.astype(object).where(results.claims.notna(), "").astype(str)
            events.add_text("claims", markdown_table(list(map(str, claims)), claims.to_numpy().tolist()), 0)


def _to_mlflow(runs: Iterator[Tracked], results: Results, folder: Path) -> None:
    """Write a SQLite store and a folder of artifacts, which the store names by its path."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    client = MlflowClient(tracking_uri=f"sqlite:///{folder.absolute() / 'mlflow.db'}")
    artifacts = (folder / "artifacts").absolute().as_uri()
    experiment = client.create_experiment(results.paths.results.absolute().name, artifact_location=artifacts)
    for run in runs:
        number = client.create_run(experiment, run_name=run.name).info.run_id
        parameters = [Param(name, str(value)) for name, value in run.parameters.items()]
        tags = [RunTag(name, str(value)) for name, value in {**run.facts, "cell": run.name.rpartition("/")[0]}.items()]
        metrics = [Metric(name, value, 0, epoch) for name, value, epoch in run.points]
        for first in range(0, len(parameters), MOST_PARAMETERS):
            client.log_batch(number, params=parameters[first : first + MOST_PARAMETERS])
        for first in range(0, len(metrics), MOST_METRICS):
            client.log_batch(number, metrics=metrics[first : first + MOST_METRICS])
        client.log_batch(number, tags=tags)
        client.set_terminated(number)
    number = client.create_run(experiment, run_name=STUDY).info.run_id
    for path in _figures(results).values():
        client.log_artifact(number, str(path), "figures")
    if results.claims_files:
        for path in results.claims_files:
            client.log_artifact(number, str(path))
    client.set_terminated(number)


def _to_wandb(runs: Iterator[Tracked], results: Results, folder: Path) -> None:
    """Write offline runs, which ``wandb sync`` uploads."""
    import wandb

    # Nothing of this machine, this process or its code belongs to the runs.
    quiet = wandb.Settings(
        console="off", silent=True, disable_git=True, disable_code=True, x_disable_stats=True, x_disable_meta=True
    )
    project = results.paths.results.absolute().name
    begin = partial(wandb.init, project=project, dir=str(folder), mode="offline", settings=quiet)
    for run in runs:
        with begin(name=run.name, group=run.name.rpartition("/")[0], config=run.parameters) as sent:
            for epoch, values in run.curves.items():
                sent.log({**values, "epoch": epoch}, step=epoch)
            sent.summary.update({**run.measurements, **run.facts})
    with begin(name=STUDY) as sent:
        content: dict[str, Any] = {name: wandb.Image(str(path)) for name, path in _figures(results).items()}
        if results.claims_files:
            table = results.claims.astype(object)
            rows = table.where(table.notna(), None).to_numpy()
            content["claims"] = wandb.Table(columns=list(map(str, table)), data=rows)
        sent.log(content)


TRACKERS: dict[str, Callable[[Iterator[Tracked], Results, Path], None]] = {
    "tensorboard": _to_tensorboard,
    "mlflow": _to_mlflow,
    "wandb": _to_wandb,
}


def _figures(results: Results) -> dict[str, Path]:
    """Return the drawn figures, PNG files by name."""
    return {path.stem: path for path in sorted(results.paths.figure("", "png").parent.glob("fig_*.png"))}


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str | int | float]:
    """Return nested settings by dotted names, without those that are null."""
    flat: dict[str, str | int | float] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        elif value is not None:
            flat[prefix + name] = value if isinstance(value, str | int | float) else json.dumps(value)
    return flat


def _curve_values(row: "pd.Series[Any]") -> dict[str, float]:
    whole = {str(name): float(value) for name, value in row.items() if not is_of_tensor(str(name))}
    return {name: value for name, value in whole.items() if name in ALWAYS or pd.notna(value)}

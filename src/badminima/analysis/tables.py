"""Stage ``collect``: a study's runs as tidy tables.

``runs.csv`` has a row per run, ``histories.csv`` per (run, epoch), ``layers.csv`` per (run, tensor, statistic),
``cells.csv`` per (cell, statistic), a cell being all seeds of one (dataset, model, init, recipe);
``pretraining.csv`` has a row per adversarial init, ``pretraining_histories.csv`` per (adversarial init, epoch),
``measures.csv`` one per (dataset, model, measure), ``costs.csv``
one per measurement, ``landscapes.csv`` one per point around a run, ``gaps.csv`` one per difference of two cells.
``correct.safetensors`` holds which test images each run gets
right, ``[runs, n] bool`` per dataset, in the order of ``runs.csv``.
"""

import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from itertools import chain, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from badminima.analysis.columns import described
from badminima.analysis.gaps import gaps_table
from badminima.analysis.measures import measures_table
from badminima.analysis.statistics import estimate
from badminima.config import StatisticsConfig
from badminima.config.training import BASELINE_RECIPE
from badminima.errors import UserError
from badminima.experiment.measured import TENSOR, is_of_tensor, landscape_runs
from badminima.experiment.paths import (
    COMPARISON,
    CORRECT,
    DIAGNOSTICS,
    HISTORY,
    LANDSCAPE,
    PREDICTIONS,
    RECORD,
    TABLE_NAMES,
    Paths,
)
from badminima.experiment.records import OF_WEIGHTS, RunRecord, read_measurements, read_record
from badminima.experiment.runs import Run, study_runs
from badminima.experiment.settings import CollectSettings
from badminima.storage.files import atomic_path, read_bytes
from badminima.storage.tensorfiles import read_tensors, write_tensors

RUN_KEYS = ["dataset", "model", "init", "recipe", "seed"]
CELL_KEYS = RUN_KEYS[:-1]
# Columns of runs.csv that describe a run rather than measure it.
DESCRIPTIONS = ["status", "epochs", "evaluated_on", "device", "revision", "failed"]
PRETRAINING_COLUMNS = [
    *("dataset", "model", "init", "seed", "status", "epochs"),
    *("accuracy_on_confusing_set", "reachable_accuracy", "conflicting_copies"),
    *("items", "test_accuracy", "seconds"),
]
COST_COLUMNS = ["measurement", "made", "skipped", "failed", "reasons", "median_seconds", "most_seconds", "device"]
# Numbers of the last evaluation that say where it was made, not what it gave.
NOT_OUTCOMES = ("epoch", "step", "lr", "train_measured")
# Columns that are text, whatever it looks like.
NAMES = (
    *("dataset", "model", "init", "recipe", "status", "evaluated_on", "device", "revision"),
    *("tensor", "statistic", "measure", "measurement", "reasons", "kind", "difference"),
    *("claim", "figure", "reason"),
)


@dataclass(frozen=True)
class StudyTables:
    """All tables of a study.

    Attributes:
        runs, histories, layers, cells, pretraining, pretraining_histories, measures, costs, landscapes, gaps: see the
            module.
        correct: per dataset, ``[runs of that dataset, n] bool``, in the order of ``runs``.
    """

    runs: pd.DataFrame
    histories: pd.DataFrame
    layers: pd.DataFrame
    cells: pd.DataFrame
    pretraining: pd.DataFrame
    pretraining_histories: pd.DataFrame
    measures: pd.DataFrame
    costs: pd.DataFrame
    landscapes: pd.DataFrame
    gaps: pd.DataFrame
    correct: dict[str, np.ndarray]

    def __repr__(self) -> str:
        data = self.runs[["dataset", "model"]].drop_duplicates().agg(", ".join, axis=1)
        return f"StudyTables({len(self.runs)} runs of {'; '.join(data)})"

    def correct_of(self, rows: pd.DataFrame) -> np.ndarray:
        """Which test images the given rows of ``runs`` (of one dataset) get right, ``[rows, n] bool``."""
        (dataset,) = rows["dataset"].unique()
        of_dataset = self.runs.index[self.runs["dataset"] == dataset]
        selected: np.ndarray = self.correct[dataset][of_dataset.get_indexer(rows.index)]
        return selected


def collect(paths: Paths, settings: CollectSettings) -> StudyTables:
    """Read a study's runs and compute its tables.

    Args:
        paths: where the runs lie.
        settings: the grid, which of its inits were trained, and how intervals are made.

    Raises:
        UserError: if a run's file is missing or damaged, or not of this run.
    """
    study = settings.study
    found = study_runs(study, settings.cells)
    rows, histories, layers, costs = [], [], [], []
    correct: dict[str, list[np.ndarray]] = {dataset: [] for dataset in study.datasets}
    for run in found:
        folder = paths.run(run)
        record = _record(folder, run, paths, settings)
        names = [*([DIAGNOSTICS] * settings.measured), *([COMPARISON] * (run.init in settings.compared))]
        files = [read_measurements(folder / name, record) for name in names]
        values = {key: value for file in files for key, value in file["values"].items()}
        failed = {name: reason for file in files for name, reason in file["failed"].items()}
        rows.append(_run_row(run, record.content, failed, values))
        layers.append({sys.intern(name): value for name, value in values.items() if is_of_tensor(name)})
        costs += [
            (name, seconds, file["skipped"].get(name), file["failed"].get(name), file["device"])
            for file in files
            for name, seconds in file["seconds"].items()
        ]
        histories.append(_history(record, folder))
        correct[run.dataset].append(record.correct(folder / PREDICTIONS))
    runs = pd.DataFrame(rows)
    tables = StudyTables(
        runs=runs,
        histories=_together(histories, found, RUN_KEYS),
        layers=_layers(found, layers),
        cells=pd.DataFrame(),
        **_pretraining(paths, settings),
        measures=measures_table(runs, settings.statistics, settings.root_seed),
        costs=_costs(costs),
        landscapes=_landscapes(paths, settings),
        gaps=pd.DataFrame(),
        correct={dataset: np.stack(items) for dataset, items in correct.items()},
    )
    cells = summarize_cells(tables, settings.statistics, settings.root_seed)
    return replace(
        tables, cells=cells, gaps=gaps_table(runs, tables.correct_of, settings.statistics, settings.root_seed)
    )


def summarize_cells(tables: StudyTables, statistics: StatisticsConfig, root_seed: int) -> pd.DataFrame:
    """Every numeric column of ``runs``, estimated over the seeds of each cell."""
    measured = [name for name in tables.runs.columns if name not in [*RUN_KEYS, *DESCRIPTIONS]]
    rows = []
    for cell, members in tables.runs.groupby(CELL_KEYS, sort=False):
        images = tables.correct_of(members).astype(float)
        diverged = (members["status"] == "diverged").to_numpy()
        columns = members[measured].to_numpy(dtype=float, copy=True)
        # What a diverged run measured is no draw from the cell; the cell says how many it has and no more.
        columns[diverged] = np.nan
        for name, values in zip(measured, columns.T, strict=True):
            result = estimate(values, statistics, root_seed, images if name == "test_accuracy" else None)
            result = result.within(0, 1) if described(name).is_fraction else result
            numbers = (result.mean, result.sd, result.low, result.high, result.seeds, diverged.sum())
            rows.append((*cell, name, *numbers))
    names = [*CELL_KEYS, "statistic", "mean", "sd", "low", "high", "seeds", "diverged"]
    return pd.DataFrame(rows, columns=names)


def write_tables(folder: Path, tables: StudyTables) -> None:
    """Write every table of a study."""
    for name in TABLE_NAMES:
        with atomic_path(folder / f"{name}.csv") as temporary:
            getattr(tables, name).to_csv(temporary, index=False)
    write_tensors(folder / CORRECT, tables.correct, {})


def read_study(folder: Path) -> StudyTables:
    """Read the tables of a study; raises UserError if one is missing or damaged."""
    correct, _ = read_tensors(folder / CORRECT)
    return StudyTables(**{name: read_csv(folder / f"{name}.csv") for name in TABLE_NAMES}, correct=correct)


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table; raises UserError if it is missing or damaged."""
    return _parsed(path, read_bytes(path))


def _parsed(path: Path, content: bytes) -> pd.DataFrame:
    try:
        # A recipe called 1e-3 or an init called nan is still a name.
        return pd.read_csv(io.BytesIO(content), dtype=dict.fromkeys(NAMES, str), na_values=[""], keep_default_na=False)
    except ValueError as error:
        raise UserError(path, f"a damaged table ({error})", "delete it and run its stage again") from None


def _together(tables: Sequence[pd.DataFrame], keys: Sequence[Run], names: Sequence[str]) -> pd.DataFrame:
    """Return tables as one, with the keys of each in front of its rows; without tables the keys alone."""
    if not tables:
        return pd.DataFrame(columns=list(names))
    table = pd.concat(tables, ignore_index=True)
    for position, name in enumerate(names):
        values = [getattr(key, name) for key, one in zip(keys, tables, strict=True) for _ in range(len(one))]
        table.insert(position, name, values)
    return table


def _record(folder: Path, run: Run, paths: Paths, settings: CollectSettings) -> RunRecord:
    """Read the record of a run; raise UserError unless its settings are those of the config, where they are known."""
    record = read_record(folder / RECORD, run)
    file = settings.trainings.get(folder.relative_to(paths.results).as_posix())
    if file is not None:
        record.require_settings(Path(file))
    return record


def _history(record: RunRecord, folder: Path) -> pd.DataFrame:
    content = read_bytes(folder / HISTORY)
    record.require("history", folder / HISTORY, sha256(content).hexdigest())
    return _parsed(folder / HISTORY, content)


def _run_row(
    run: Run, record: Mapping[str, Any], failed: Mapping[str, str], measured: Mapping[str, int | float | None]
) -> dict[str, Any]:
    final = {key: value for key, value in record["final"].items() if key not in NOT_OUTCOMES}
    whole = {key: value for key, value in measured.items() if not is_of_tensor(key)}
    described = {key: record.get(key) for key in DESCRIPTIONS if key != "failed"}
    reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
    return {**asdict(run), **described, "failed": reasons or None, **final, **whole}


def _layers(found: list[Run], measured: list[dict[str, int | float | None]]) -> pd.DataFrame:
    """Return a row per (run, tensor, statistic)."""
    codes, known = pd.factorize(np.array(list(chain.from_iterable(measured)), dtype=object))
    parts = [name.partition(TENSOR) for name in known]
    names = pd.DataFrame([(tensor, statistic) for statistic, _, tensor in parts], columns=["tensor", "statistic"])
    # As categories, text is kept once.
    keys = pd.DataFrame(map(asdict, found), columns=RUN_KEYS).astype(dict.fromkeys(CELL_KEYS, "category"))
    of_runs = keys.take(np.repeat(np.arange(len(found)), [len(of_run) for of_run in measured]))
    values = np.array([value for of_run in measured for value in of_run.values()], dtype=float)
    of_names = names.astype("category").take(codes)
    return pd.concat([part.reset_index(drop=True) for part in (of_runs, of_names)], axis=1).assign(value=values)


def _costs(measured: list[tuple[str, float, str | None, str | None, str]]) -> pd.DataFrame:
    """Return the time of each diagnostic, and how often and why it gave nothing.

    Args:
        measured: name, seconds, why it was skipped, why it failed, device.
    """
    table = pd.DataFrame(measured, columns=["name", "seconds", "skipped", "failed", "device"])
    devices = ", ".join(sorted(set(table["device"])))
    rows: list[tuple[Any, ...]] = []
    for name, of_one in table.groupby("name", sort=False):
        seconds, skipped, failed = of_one["seconds"], of_one["skipped"].dropna(), of_one["failed"].dropna()
        counts = (len(seconds) - len(skipped) - len(failed), len(skipped), len(failed))
        reasons = "; ".join(sorted({*skipped, *failed}))
        rows.append((name, *counts, reasons, seconds.median(), seconds.max(), devices))
    return pd.DataFrame(rows, columns=COST_COLUMNS)


def _landscapes(paths: Paths, settings: CollectSettings) -> pd.DataFrame:
    """Return the points around each run that has a landscape."""
    found = landscape_runs(settings.study, settings.landscapes)
    tables = [read_csv(paths.run(run) / LANDSCAPE) for run in found]
    return _together(tables, found, RUN_KEYS).drop(columns=OF_WEIGHTS, errors="ignore")


def _pretraining(paths: Paths, settings: CollectSettings) -> dict[str, pd.DataFrame]:
    """How well each trained init of the study fits its confusing set, and its evaluated epochs."""
    study = settings.study
    rows, found, histories = [], [], []
    for dataset, model, init, seed in product(study.datasets, study.models, settings.pretrained, study.seeds):
        run, folder = Run(dataset, model, init, BASELINE_RECIPE, seed), paths.init(dataset, model, init, seed)
        record = _record(folder, run, paths, settings)
        final, confusing = record.content["final"], record.content["confusing"]
        values = (final["train_accuracy"], confusing["reachable_accuracy"], confusing["conflicting_copies"])
        others = (record.content["train_items"], final["test_accuracy"], final["seconds"])
        rows.append((dataset, model, init, seed, record.content["status"], record.content["epochs"], *values, *others))
        found.append(run)
        histories.append(_history(record, folder))
    return {
        "pretraining": pd.DataFrame(rows, columns=PRETRAINING_COLUMNS),
        "pretraining_histories": _together(histories, found, ["dataset", "model", "init", "seed"]),
    }

"""Stage ``collect``: a study's runs as tidy tables.

``runs.csv`` has a row per run, ``histories.csv`` per (run, epoch), ``layers.csv`` per (run, tensor, statistic),
``cells.csv`` per (cell, statistic), a cell being all seeds of one (dataset, model, init, recipe);
``pretraining.csv`` has a row per adversarial init, ``pretraining_histories.csv`` per (adversarial init, epoch),
``measures.csv`` one per (dataset, model, measure), ``costs.csv``
one per measurement, ``landscapes.csv`` one per point around a run, ``gaps.csv`` one per difference of two cells.
``correct.safetensors`` holds which test images each run gets
right, ``[runs, n] bool`` per dataset, in the order of ``runs.csv``.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from badminima.analysis.columns import described
from badminima.analysis.gaps import gaps_table
from badminima.analysis.measures import measures_table
from badminima.analysis.reading import StudyReader, read_csv, read_together
from badminima.analysis.statistics import estimate
from badminima.config import StatisticsConfig
from badminima.config.training import BASELINE_RECIPE
from badminima.errors import UserError
from badminima.experiment.measured import TENSOR, is_of_tensor, landscape_runs
from badminima.experiment.paths import CORRECT, HISTORY, LANDSCAPE, RECORD, TABLE_NAMES, Paths
from badminima.experiment.records import OF_WEIGHTS, Measurements
from badminima.experiment.runs import Run, study_runs
from badminima.experiment.settings import CollectSettings
from badminima.storage.files import atomic_path
from badminima.storage.tensorfiles import read_tensors, require_tensors, write_tensors

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
        data = "; ".join(
            ", ".join(pair) for pair in dict.fromkeys(zip(self.runs["dataset"], self.runs["model"], strict=True))
        )
        return f"StudyTables({len(self.runs)} runs of {data})"

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
    reader = StudyReader(paths, settings)
    columns, layers = _Columns(len(found)), _Layers()
    correct: dict[str, list[np.ndarray]] = {dataset: [] for dataset in study.datasets}
    histories, costs = {}, _Costs()
    for number, (run, left) in enumerate(zip(found, reader.runs(found), strict=True)):
        values = {key: value for file in left.measured for key, value in file.values.items()}
        failed = {name: reason for file in left.measured for name, reason in file.failed.items()}
        columns.put(number, _run_row(run, left.record.content, failed, values))
        layers.put(number, values)
        costs.put(left.measured)
        histories[paths.run(run) / HISTORY] = left.history
        correct[run.dataset].append(left.correct)
    runs = columns.frame()
    tables = StudyTables(
        runs=runs,
        histories=read_together(histories, found, RUN_KEYS),
        layers=layers.frame(found),
        cells=pd.DataFrame(),
        **_pretraining(reader, settings),
        measures=measures_table(runs, settings.statistics, settings.root_seed),
        costs=costs.frame(),
        landscapes=_landscapes(reader, settings),
        gaps=pd.DataFrame(),
        correct={dataset: np.stack(items) for dataset, items in correct.items()},
    )
    _require_same_ends(tables, list(histories))
    cells = summarize_cells(tables, settings.statistics, settings.root_seed)
    gaps = gaps_table(runs, tables.correct_of, settings.statistics, settings.root_seed)
    return StudyTables(**{**vars(tables), "cells": cells, "gaps": gaps})


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
            row = dict(zip(CELL_KEYS, cell, strict=True))
            row |= {"statistic": name, "mean": result.mean, "sd": result.sd, "low": result.low, "high": result.high}
            rows.append({**row, "seeds": result.seeds, "diverged": int(diverged.sum())})
    return pd.DataFrame(rows)


def write_tables(folder: Path, tables: StudyTables) -> None:
    """Write every table of a study."""
    for name in TABLE_NAMES:
        with atomic_path(folder / f"{name}.csv") as temporary:
            getattr(tables, name).to_csv(temporary, index=False)
    write_tensors(folder / CORRECT, tables.correct, {})


def read_study(folder: Path) -> StudyTables:
    """Read the tables of a study; raises UserError if one is missing or damaged."""
    correct, _ = read_tensors(folder / CORRECT)
    tables = StudyTables(**{name: read_csv(folder / f"{name}.csv") for name in TABLE_NAMES}, correct=correct)
    runs = Counter(tables.runs["dataset"]) if "dataset" in tables.runs else {}
    require_tensors(folder / CORRECT, correct, dict.fromkeys(runs, ("bool", 2)), "what runs get right")
    if {dataset: len(rows) for dataset, rows in correct.items()} != runs:
        found = f"rows of {sum(map(len, correct.values()))} runs"
        raise UserError(folder / CORRECT, found, f"expected those of runs.csv, {sum(runs.values())}; collect again")
    return tables


def _run_row(
    run: Run, record: Mapping[str, Any], failed: Mapping[str, str], measured: Mapping[str, int | float | None]
) -> dict[str, Any]:
    final = {
        key: value for key, value in record["final"].items() if key not in ("epoch", "step", "lr", "train_measured")
    }
    whole = {key: value for key, value in measured.items() if not is_of_tensor(key)}
    described = {key: record.get(key) for key in DESCRIPTIONS if key != "failed"}
    reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
    return {**asdict(run), **described, "failed": reasons or None, **final, **whole}


class _Columns:
    """A table of runs that grows by rows whose columns differ; its memory is that of its values."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.columns: dict[str, list[Any]] = {}

    def put(self, number: int, row: Mapping[str, Any]) -> None:
        for name, value in row.items():
            if name not in self.columns:
                self.columns[name] = [np.nan] * self.rows
            self.columns[name][number] = value

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.columns)


class _Layers:
    """Measurements of tensors and layers; runs of one network share its names."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.runs: list[np.ndarray] = []
        self.codes: list[np.ndarray] = []
        self.values: list[np.ndarray] = []

    def put(self, number: int, measured: Mapping[str, int | float | None]) -> None:
        of_tensors = {name: value for name, value in measured.items() if is_of_tensor(name)}
        codes = [self.names.setdefault(name, len(self.names)) for name in of_tensors]
        self.runs.append(np.full(len(codes), number, dtype=np.int32))
        self.codes.append(np.array(codes, dtype=np.int32))
        self.values.append(np.array(list(of_tensors.values()), dtype=float))

    def frame(self, found: list[Run]) -> pd.DataFrame:
        """Return a row per (run, tensor, statistic)."""
        runs, codes = np.concatenate(self.runs), np.concatenate(self.codes)
        parts = [name.partition(TENSOR) for name in self.names]
        columns = {key: _taken([getattr(run, key) for run in found], runs) for key in RUN_KEYS}
        columns["tensor"] = _taken([tensor for _, _, tensor in parts], codes)
        columns["statistic"] = _taken([statistic for statistic, _, _ in parts], codes)
        return pd.DataFrame({**columns, "value": np.concatenate(self.values)})


def _taken(values: list[Any], positions: np.ndarray) -> Any:
    """Return values at positions; text is kept once."""
    if values and isinstance(values[0], int):
        return np.array(values)[positions]
    codes, known = pd.factorize(np.array(values, dtype=object))
    return pd.Categorical.from_codes(codes[positions], pd.Index(known))


class _Costs:
    """The time of each diagnostic, and how often and why it gave nothing."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}
        self.skipped: dict[str, list[str]] = {}
        self.failed: dict[str, list[str]] = {}
        self.devices: set[str] = set()

    def put(self, files: list[Measurements]) -> None:
        for file in files:
            self.devices.add(file.device)
            for name, value in file.seconds.items():
                self.seconds.setdefault(name, []).append(value)
            for given, kept in ((file.skipped, self.skipped), (file.failed, self.failed)):
                for name, reason in given.items():
                    kept.setdefault(name, []).append(reason)

    def frame(self) -> pd.DataFrame:
        rows = [
            {
                "measurement": name,
                "made": len(values) - len(self.skipped.get(name, [])) - len(self.failed.get(name, [])),
                "skipped": len(self.skipped.get(name, [])),
                "failed": len(self.failed.get(name, [])),
                "reasons": "; ".join(sorted({*self.skipped.get(name, []), *self.failed.get(name, [])})),
                "median_seconds": np.median(values),
                "most_seconds": np.max(values),
                "device": ", ".join(sorted(self.devices)),
            }
            for name, values in self.seconds.items()
        ]
        return pd.DataFrame(rows, columns=COST_COLUMNS)


def _require_same_ends(tables: StudyTables, files: list[Path]) -> None:
    """Make sure that each history ends as its run does; raises UserError if one does not."""
    last = tables.histories.drop_duplicates(RUN_KEYS, keep="last").reset_index(drop=True)
    for name in ("train_accuracy", "test_accuracy"):
        wrong = np.flatnonzero(~np.isclose(last[name], tables.runs[name], rtol=0, atol=1e-9))
        if len(wrong):
            row = int(wrong[0])
            raise UserError(
                files[row],
                f"a last {name} of {last[name][row]:.6g}, where {files[row].with_name(RECORD)} says"
                f" {tables.runs[name][row]:.6g}",
                "the two don't belong together: put back the run's own file, or run its stage again",
            )


def _landscapes(reader: StudyReader, settings: CollectSettings) -> pd.DataFrame:
    """Return the points around each run that has a landscape."""
    found = landscape_runs(settings.study, settings.landscapes)
    files = {reader.paths.run(run) / LANDSCAPE: reader.landscape(run) for run in found}
    table = read_together(files, found, RUN_KEYS) if found else pd.DataFrame(columns=RUN_KEYS)
    return table.drop(columns=OF_WEIGHTS, errors="ignore")


def _pretraining(reader: StudyReader, settings: CollectSettings) -> dict[str, pd.DataFrame]:
    """How well each trained init of the study fits its confusing set, and its evaluated epochs."""
    study = settings.study
    keys = ["dataset", "model", "init", "seed"]
    rows, found, histories = [], [], {}
    for dataset, model, init, seed in product(study.datasets, study.models, settings.pretrained, study.seeds):
        run = Run(dataset, model, init, BASELINE_RECIPE, seed)
        record, history = reader.pretraining(run)
        final, confusing = record.content["final"], record.content["confusing"]
        values = (
            *(dataset, model, init, seed, record.content["status"], record.content["epochs"]),
            *(final["train_accuracy"], confusing["reachable_accuracy"], confusing["conflicting_copies"]),
            *(record.content["train_items"], final["test_accuracy"], final["seconds"]),
        )
        rows.append(dict(zip(PRETRAINING_COLUMNS, values, strict=True)))
        found.append(run)
        histories[record.path.with_name(HISTORY)] = history
    return {
        "pretraining": pd.DataFrame(rows, columns=PRETRAINING_COLUMNS),
        "pretraining_histories": read_together(histories, found, keys) if found else pd.DataFrame(columns=keys),
    }

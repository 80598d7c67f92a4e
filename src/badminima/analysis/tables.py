"""Stage ``collect``: a study's runs as tidy tables.

``runs.csv`` has a row per run, ``histories.csv`` per (run, epoch), ``layers.csv`` per (run, tensor, statistic),
``cells.csv`` per (cell, statistic), a cell being all seeds of one (dataset, model, init, recipe);
``pretraining.csv`` has a row per adversarial init, ``pretraining_histories.csv`` per (adversarial init, epoch),
``measures.csv`` one per (dataset, model, measure), ``costs.csv``
one per measurement, ``landscapes.csv`` one per point around a run, ``gaps.csv`` one per difference of two cells.
``correct.safetensors`` holds which test images each run gets
right, ``[runs, n] bool`` per dataset, in the order of ``runs.csv``.
"""

from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from badminima.analysis.columns import described
from badminima.analysis.gaps import gaps_table
from badminima.analysis.measures import measures_table
from badminima.analysis.statistics import estimate
from badminima.config import StatisticsConfig
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
from badminima.experiment.runs import Run, study_runs
from badminima.experiment.slices import CollectSettings
from badminima.storage.files import atomic_path, read_json
from badminima.storage.tensorfiles import read_tensors, write_tensors

RUN_KEYS = ["dataset", "model", "init", "recipe", "seed"]
CELL_KEYS = RUN_KEYS[:-1]
# Columns of runs.csv that describe a run rather than measure it.
DESCRIPTIONS = ["status", "epochs", "evaluated_on", "device", "revision"]
PRETRAINING_COLUMNS = [
    *("dataset", "model", "init", "seed", "status", "epochs"),
    *("accuracy_on_confusing_set", "reachable_accuracy", "conflicting_copies"),
    *("items", "test_accuracy", "seconds"),
]
NAMES = (
    *(key for key in RUN_KEYS if key != "seed"),
    "status",
    "evaluated_on",
    "device",
    "revision",
    "tensor",
    "statistic",
    "measure",
    "measurement",
    "reasons",
    "kind",
    "difference",
)
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
        UserError: if a run's file is missing or damaged.
    """
    study = settings.study
    rows, histories, layers, measurements = [], [], [], []
    correct: dict[str, list[np.ndarray]] = {dataset: [] for dataset in study.datasets}
    for run in study_runs(study, settings.cells):
        folder = paths.run(run)
        files = _measurements(paths, settings, run)
        measurements += files
        measured = {key: value for file in files for key, value in file["values"].items()}
        rows.append(_run_row(run, read_json(folder / RECORD), measured))
        histories.append(_read_csv(folder / HISTORY).assign(**asdict(run)))
        layers += [
            {**asdict(run), "tensor": tensor, "statistic": statistic, "value": value}
            for key, value in measured.items()
            for statistic, separator, tensor in [key.partition(TENSOR)]
            if separator
        ]
        predictions, _ = read_tensors(folder / PREDICTIONS)
        correct[run.dataset].append(predictions["predicted"] == predictions["labels"])
    runs = pd.DataFrame(rows)
    tables = StudyTables(
        runs=runs,
        histories=_keys_first(pd.concat(histories, ignore_index=True)),
        layers=pd.DataFrame(layers, columns=[*RUN_KEYS, "tensor", "statistic", "value"]),
        cells=pd.DataFrame(),
        pretraining=_pretraining(paths, settings),
        pretraining_histories=_pretraining_histories(paths, settings),
        measures=measures_table(runs, settings.statistics, settings.root_seed),
        costs=_costs(measurements),
        landscapes=_landscapes(paths, settings),
        gaps=pd.DataFrame(),
        correct={dataset: np.stack(items) for dataset, items in correct.items()},
    )
    cells = summarize_cells(tables, settings.statistics, settings.root_seed)
    gaps = gaps_table(runs, tables.correct_of, settings.statistics, settings.root_seed)
    return StudyTables(**{**vars(tables), "cells": cells, "gaps": gaps})


def summarize_cells(tables: StudyTables, statistics: StatisticsConfig, root_seed: int) -> pd.DataFrame:
    """Every numeric column of ``runs``, estimated over the seeds of each cell."""
    measured = [name for name in tables.runs.columns if name not in [*RUN_KEYS, *DESCRIPTIONS]]
    rows = []
    for cell, members in tables.runs.groupby(CELL_KEYS, sort=False):
        images = tables.correct_of(members).astype(float)
        diverged = members["status"] == "diverged"
        for name in measured:
            # What a diverged run measured is no draw from the cell; the cell says how many it has and no more.
            values = members[name].where(~diverged).to_numpy(dtype=float)
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
    return StudyTables(**{name: _read_csv(folder / f"{name}.csv") for name in TABLE_NAMES}, correct=correct)


def _run_row(run: Run, record: dict[str, Any], measured: dict[str, float | None]) -> dict[str, Any]:
    final = {
        key: value for key, value in record["final"].items() if key not in ("epoch", "step", "lr", "train_measured")
    }
    whole = {key: value for key, value in measured.items() if not is_of_tensor(key)}
    return {**asdict(run), **{key: record[key] for key in DESCRIPTIONS}, **final, **whole}


def _measurements(paths: Paths, settings: CollectSettings, run: Run) -> list[dict[str, Any]]:
    """Return the measurements of a run, alone and against another."""
    names = [
        *([DIAGNOSTICS] if settings.measured else []),
        *([COMPARISON] if run.init in settings.compared else []),
    ]
    return [read_json(paths.run(run) / name) for name in names]


def _costs(files: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the time of each diagnostic, and how often and why it gave nothing."""
    seconds: dict[str, list[float]] = {}
    skipped: dict[str, list[str]] = {}
    failed: dict[str, list[str]] = {}
    for file in files:
        for name, value in file["seconds"].items():
            seconds.setdefault(name, []).append(value)
        for kind, of_kind in (("skipped", skipped), ("failed", failed)):
            for name, reason in file[kind].items():
                of_kind.setdefault(name, []).append(reason)
    devices = ", ".join(sorted({file["device"] for file in files}))
    rows = [
        {
            "measurement": name,
            "made": len(values) - len(skipped.get(name, [])) - len(failed.get(name, [])),
            "skipped": len(skipped.get(name, [])),
            "failed": len(failed.get(name, [])),
            "reasons": "; ".join(sorted({*skipped.get(name, []), *failed.get(name, [])})),
            "median_seconds": np.median(values),
            "most_seconds": np.max(values),
            "device": devices,
        }
        for name, values in seconds.items()
    ]
    return pd.DataFrame(rows, columns=COST_COLUMNS)


def _landscapes(paths: Paths, settings: CollectSettings) -> pd.DataFrame:
    """The points around each run that has a landscape."""
    found = landscape_runs(settings.study, settings.landscapes)
    tables = [_read_csv(paths.run(run) / LANDSCAPE).assign(**asdict(run)) for run in found]
    return _keys_first(pd.concat(tables, ignore_index=True)) if tables else pd.DataFrame(columns=RUN_KEYS)


def _pretraining(paths: Paths, settings: CollectSettings) -> pd.DataFrame:
    """How well each trained init of the study fits its confusing set."""
    study = settings.study
    rows = []
    for dataset, model, init, seed in product(study.datasets, study.models, settings.pretrained, study.seeds):
        record = read_json(paths.init(dataset, model, init, seed) / RECORD)
        final, confusing = record["final"], record["confusing"]
        values = (
            *(dataset, model, init, seed, record["status"], record["epochs"]),
            *(final["train_accuracy"], confusing["reachable_accuracy"], confusing["conflicting_copies"]),
            *(record["train_items"], final["test_accuracy"], final["seconds"]),
        )
        rows.append(dict(zip(PRETRAINING_COLUMNS, values, strict=True)))
    return pd.DataFrame(rows, columns=PRETRAINING_COLUMNS)


def _pretraining_histories(paths: Paths, settings: CollectSettings) -> pd.DataFrame:
    """The evaluated epochs of each trained init of the study."""
    study = settings.study
    keys = ["dataset", "model", "init", "seed"]
    found = [
        _read_csv(paths.init(dataset, model, init, seed) / HISTORY).assign(
            dataset=dataset, model=model, init=init, seed=seed
        )
        for dataset, model, init, seed in product(study.datasets, study.models, settings.pretrained, study.seeds)
    ]
    return _keys_first(pd.concat(found, ignore_index=True), keys) if found else pd.DataFrame(columns=keys)


def _keys_first(table: pd.DataFrame, keys: list[str] = RUN_KEYS) -> pd.DataFrame:
    return table[[*keys, *(name for name in table.columns if name not in keys)]]


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        # A recipe called 1e-3 or an init called nan is still a name.
        return pd.read_csv(path, dtype=dict.fromkeys(NAMES, str), na_values=[""], keep_default_na=False)
    except FileNotFoundError:
        raise UserError(path, "no such file", "run the stage that writes it first") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(path, f"a damaged table ({error})", "delete it and run its stage again") from None

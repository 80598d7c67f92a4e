"""Read what the runs of a study left: each file once, compared with what the run's record says of it."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from badminima.errors import UserError
from badminima.experiment.paths import COMPARISON, DIAGNOSTICS, HISTORY, LANDSCAPE, PREDICTIONS, RECORD, WEIGHTS, Paths
from badminima.experiment.records import (
    OF_WEIGHTS,
    Measurements,
    RunRecord,
    digest_of,
    read_measurements,
    read_pretraining,
    read_record,
    require_same,
)
from badminima.experiment.runs import Run
from badminima.experiment.settings import CollectSettings
from badminima.storage.files import read_bytes

# Columns that are text, whatever it looks like.
NAMES = (
    *("dataset", "model", "init", "recipe", "status", "evaluated_on", "device", "revision"),
    *("tensor", "statistic", "measure", "measurement", "reasons", "kind", "difference"),
)


@dataclass(frozen=True)
class FinishedRun:
    """The files of a run, read for tables.

    Attributes:
        record: its ``run.json``.
        history: its ``history.csv``, as it lies.
        measured: its files of measurements.
        correct: which test images it gets right, ``[n] bool``.
    """

    record: RunRecord
    history: bytes
    measured: list[Measurements]
    correct: np.ndarray


class StudyReader:
    """Reads the runs of a study, and refuses files that don't belong together.

    Args:
        paths: where they lie.
        settings: which of them have measurements.
    """

    def __init__(self, paths: Paths, settings: CollectSettings) -> None:
        self.paths = paths
        self.settings = settings
        # Of runs of one dataset, model, recipe and seed: weights and the file that names them, for comparisons.
        self._weights: dict[Run, dict[str, Path]] = {}
        self._compared: list[tuple[Run, Path, str]] = []
        self.digest = cache(digest_of)

    def runs(self, runs: Sequence[Run]) -> Iterator[FinishedRun]:
        """Read runs one after the other.

        Raises:
            UserError: if a file is missing or damaged, or two files don't belong together.
        """
        for run in runs:
            yield self._read(run)
        for run, path, reference in self._compared:
            if reference not in self._weights[run]:
                raise UserError(
                    path,
                    f"a comparison with weights ({reference[:8]}) that no run of this recipe and seed ended at",
                    "compare the run again",
                )

    def pretraining(self, run: Run) -> tuple[RunRecord, bytes]:
        """Read the record and the history of a pretraining."""
        folder = self.paths.init(run.dataset, run.model, run.init, run.seed)
        record = read_pretraining(folder / RECORD, run)
        self._check_settings(record, folder)
        self._check_weights(record, folder)
        confusing = self.paths.confusing(run.dataset, run.init, run.seed)
        if confusing.exists():
            record.require("confusing", confusing)
        return record, self._history(record, folder)

    def landscape(self, run: Run) -> bytes:
        """Read the points around a run; raises UserError if they lie around another's."""
        path = self.paths.run(run) / LANDSCAPE
        record, content = read_record(path.with_name(RECORD), run), read_bytes(path)
        rows = csv.DictReader(io.StringIO(content.decode("utf-8", "replace")))
        for digest in {row.get(OF_WEIGHTS) or "unnamed" for row in rows}:
            require_same("weights", path, digest, record.stated.left.weights, record.path)
        return content

    def _read(self, run: Run) -> FinishedRun:
        folder = self.paths.run(run)
        record = read_record(folder / RECORD, run)
        self._check_settings(record, folder)
        self._check_weights(record, folder)
        prepared = self.paths.prepared(run.dataset)
        if prepared.exists():
            record.require("dataset", prepared, self.digest(prepared))
        correct = record.correct(folder / PREDICTIONS)
        cell = replace(run, init="")
        self._weights.setdefault(cell, {})[record.stated.left.weights] = record.path
        names = [
            *([DIAGNOSTICS] if self.settings.measured else []),
            *([COMPARISON] if run.init in self.settings.compared else []),
        ]
        measured = [read_measurements(folder / name, record) for name in names]
        self._compared += [
            (cell, folder / name, file.made_from.reference)
            for name, file in zip(names, measured, strict=True)
            if file.made_from.reference is not None
        ]
        return FinishedRun(record, self._history(record, folder), measured, correct)

    def _check_settings(self, record: RunRecord, folder: Path) -> None:
        """Compare the settings of a training with those that the config gives, where they are known."""
        file = self.settings.trainings.get(folder.relative_to(self.paths.results).as_posix())
        if file is not None:
            record.require_settings(Path(file))

    def _check_weights(self, record: RunRecord, folder: Path) -> None:
        """Compare weights with the record; tables need none, so that they may be gone."""
        if (folder / WEIGHTS).exists():
            record.require("weights", folder / WEIGHTS)

    def _history(self, record: RunRecord, folder: Path) -> bytes:
        content = read_bytes(folder / HISTORY)
        record.require("history", folder / HISTORY, sha256(content).hexdigest())
        return content


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table; raises UserError if it is missing or damaged."""
    return _parsed(path, read_bytes(path))


def read_together(contents: Mapping[Path, bytes], keys: Sequence[Run], names: Sequence[str]) -> pd.DataFrame:
    """Read tables as one, the keys of each in front of its rows; thousands of them take no longer than one.

    Args:
        contents: the tables by their files.
        keys: of each.
        names: the keys that are columns.

    Raises:
        UserError: if one is damaged.
    """
    together: dict[bytes, list[int]] = {}
    files, texts = list(contents), [content.rstrip(b"\n") + b"\n" for content in contents.values()]
    for number, text in enumerate(texts):
        together.setdefault(text.partition(b"\n")[0], []).append(number)
    frames = []
    for head, numbers in together.items():
        bodies = [texts[number][len(head) + 1 :] for number in numbers]
        frame = _parsed(files[numbers[0]], b"\n".join([head, b"".join(bodies)]))
        frame.index = pd.Index(np.repeat(numbers, [body.count(b"\n") for body in bodies]))
        frames.append(frame)
    table = pd.concat(frames).sort_index(kind="stable") if len(frames) > 1 else frames[0]
    of_run = table.index.to_numpy()
    columns = {name: np.array([getattr(key, name) for key in keys])[of_run] for name in names}
    front = pd.DataFrame(
        {name: values.astype(object) if values.dtype.kind == "U" else values for name, values in columns.items()}
    )
    return pd.concat([front, table.reset_index(drop=True)], axis=1)


def _parsed(path: Path, content: bytes) -> pd.DataFrame:
    try:
        # A recipe called 1e-3 or an init called nan is still a name.
        return pd.read_csv(io.BytesIO(content), dtype=dict.fromkeys(NAMES, str), na_values=[""], keep_default_na=False)
    except (ValueError, OverflowError) as error:
        raise UserError(path, f"a damaged table ({error})", "delete it and run its stage again") from None

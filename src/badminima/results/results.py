"""Finished results in Python: tables, trained networks and their data, by name.

>>> import badminima
>>> results = badminima.load("results/demo")
>>> results.studies
['ablation']
>>> accuracy = results.runs.groupby(["init", "recipe"])["test_accuracy"].mean()
>>> model = results.model("digits", "mlp", "adversarial", "vanilla", seed=0)
>>> images = results.dataset("digits").test_images[:5]
>>> model(results.inputs("digits", images)).shape
torch.Size([5, 10])
"""

from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from badminima.analysis.claims import GROUPS
from badminima.analysis.columns import described
from badminima.analysis.tables import StudyTables, read_csv, read_study
from badminima.config import Config, InitConfig, ModelConfig
from badminima.config.base import did_you_mean
from badminima.config.load import load_config
from badminima.data.prepared import PreparedDataset, read_prepared
from badminima.errors import UserError
from badminima.experiment.paths import RECORD, TABLE_NAMES, WEIGHTS, Paths
from badminima.experiment.records import RunRecord, read_record
from badminima.experiment.runs import Run, listed, require_known
from badminima.models.weights import Weights, read_weights
from badminima.results.beside import recorded_inits
from badminima.storage.files import read_json, user_path

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

End = Literal["end", "start"]


class _OfAllStudies(cached_property[pd.DataFrame]):
    """A table of all studies, read when it is first asked for."""

    def __init__(self, meaning: str) -> None:
        super().__init__(lambda results: _of_all_studies(results, str(self.attrname)))
        self.__doc__ = meaning


def _of_all_studies(results: "Results", name: str) -> pd.DataFrame:
    if not results.studies:
        raise UserError(results.paths.results / "tables", "no tables", "run the target tables first")
    frames = {study: getattr(results.tables(study), name) for study in results.studies}
    # A table without rows has no types to agree on.
    filled = {study: frame for study, frame in frames.items() if len(frame)} or frames
    return pd.concat(filled, names=["study"]).reset_index("study").reset_index(drop=True)


@dataclass(frozen=True)
class SavedFigure:
    """A figure on disk; a notebook draws it.

    Attributes:
        name: its name in the config.
        svg, png, pdf: its files.
        csv: the file of exactly what it shows.
    """

    name: str
    svg: Path
    png: Path
    pdf: Path
    csv: Path

    @property
    def data(self) -> pd.DataFrame:
        """Return the table of what it shows."""
        return pd.read_csv(self.csv)

    def __repr__(self) -> str:
        return f"SavedFigure({self.name!r}: {self.svg})"

    def _repr_svg_(self) -> str:
        return self.svg.read_text()


class Results:
    """The results of a config's targets in its results folder.

    Tables are pandas frames of all studies, with the study in the first column; a run that two studies share stands in
    both. They are read when they are first asked for, and kept. Columns are those of ``badminima.analysis.tables``.

    Args:
        folder: the results folder.

    Attributes:
        paths: where everything lies in it.

    Raises:
        UserError: if it is not there, or holds neither runs nor tables.
    """

    runs = _OfAllStudies("A row per run: status, final accuracy and loss, every measurement.")
    histories = _OfAllStudies("A row per (run, evaluated epoch).")
    layers = _OfAllStudies("A row per (run, tensor, statistic).")
    cells = _OfAllStudies("A row per (cell, statistic): mean and interval over seeds.")
    pretraining = _OfAllStudies("A row per adversarial init: how well it fits its confusing set.")
    pretraining_histories = _OfAllStudies("A row per (adversarial init, evaluated epoch).")
    measures = _OfAllStudies("A row per (dataset, model, measure): how well it tells bad minima from good ones.")
    costs = _OfAllStudies("A row per measurement: seconds, and how often it was skipped.")
    landscapes = _OfAllStudies("A row per point around a run.")
    gaps = _OfAllStudies("A row per difference of two cells: what recipes gain and inits cost.")

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.paths = Paths(user_path(folder))
        self._tables: dict[str, StudyTables] = {}
        place = self.paths.results
        if not _is_results(place):
            parent, found = (place, "neither runs nor tables") if place.is_dir() else (place.parent, "no such folder")
            nearby = listed(sorted(path.name for path in parent.glob("*") if _is_results(path)))
            raise UserError(place, found, f"results in {parent}: {nearby}; or run the pipeline first")

    def __repr__(self) -> str:
        return f"Results({str(self.paths.results)!r}: {len(self.trained)} runs, tables of {listed(self.studies)})"

    @property
    def studies(self) -> list[str]:
        """The studies that have tables."""
        return sorted(path.parent.name for path in (self.paths.results / "tables").glob("*/runs.csv"))

    @property
    def trained(self) -> list[Run]:
        """The runs that were trained to the end, whether a table has them or not."""
        # The record is the last file that a training writes.
        found = (path.parts[-6:-1] for path in self.paths.runs.glob(f"*/*/*/*/seed*/{RECORD}"))
        return sorted(
            Run(dataset, model, init, recipe, int(seed.removeprefix("seed")))
            for dataset, model, init, recipe, seed in found
        )

    @cached_property
    def config(self) -> Config:
        """The merged config, as target ``all`` recorded it; raises UserError if it did not run."""
        return load_config(read_json(self.paths.config))

    @cached_property
    def inits(self) -> dict[str, InitConfig]:
        """The inits of that config; those of fixed meaning if it was not recorded."""
        return recorded_inits(self.paths.results)

    @property
    def claims_files(self) -> list[Path]:
        """The tables of verdicts: the one of all claims, or else those of claims that were decided alone."""
        whole = self.paths.all_verdicts("csv")
        alone = (self.paths.verdicts(group, "csv") for group in GROUPS)
        return [whole] if whole.exists() else [path for path in alone if path.exists()]

    @cached_property
    def claims(self) -> pd.DataFrame:
        """The papers' claims: statement, estimate, interval, verdict; those decided alone, if not all of them were.

        Raises UserError if none is decided yet.
        """
        if not (tables := self.claims_files):
            whole = self.paths.all_verdicts("csv")
            raise UserError(whole, "no such file", "run the target claims, or that of one claim, first")
        return pd.concat(map(read_csv, tables), ignore_index=True)

    def tables(self, study: str) -> StudyTables:
        """All tables of one study; raises UserError if it has none."""
        if study not in self.studies:
            remedy = f"studies with tables: {listed(self.studies)}; run target tables"
            raise UserError(self.paths.tables(study), "no tables", remedy)
        if study not in self._tables:
            self._tables[study] = read_study(self.paths.tables(study))
        return self._tables[study]

    def columns(self, table: str = "runs") -> pd.DataFrame:
        """Tell what the columns of a table mean: label, meaning, unit; raises UserError if there is no such table."""
        if table not in TABLE_NAMES:
            raise UserError("table", repr(table), f"{did_you_mean(table, TABLE_NAMES)}there: {listed(TABLE_NAMES)}")
        rows = {name: vars(described(name)) for name in map(str, getattr(self, table))}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("column")

    def figure(self, name: str) -> SavedFigure:
        """Find a figure by its name or target, for a notebook to show; raises UserError if it is not drawn yet."""
        name = name.removeprefix("fig_")
        files = {extension: self.paths.figure(name, extension) for extension in ("svg", "png", "pdf", "csv")}
        if not all(file.exists() for file in files.values()):
            folder = files["svg"].parent
            drawn = sorted(file.stem.removeprefix("fig_") for file in folder.glob("fig_*.svg"))
            remedy = f"{did_you_mean(name, drawn)}drawn: {listed(drawn)}; or run the target fig_{name}"
            raise UserError(folder, f"no figure {name!r}", remedy)
        return SavedFigure(name, **files)

    def record(self, dataset: str, model: str, init: str, recipe: str, seed: int) -> dict[str, Any]:
        """Return a run's ``run.json``: settings, outcome, versions.

        Raises:
            UserError: if there is no such run, or its record is damaged or another run's.
        """
        return self._record(dataset, model, init, recipe, seed).content

    def weights(self, dataset: str, model: str, init: str, recipe: str, seed: int, at: End = "end") -> Weights:
        """Return the weights that a run ended at or started from, as arrays.

        Raises:
            UserError: if there is no such run, or its file is missing, damaged or another run's.
        """
        path = self.weights_path(dataset, model, init, recipe, seed, at)
        self._record(dataset, model, init, recipe, seed).require("weights" if at == "end" else "start", path)
        return read_weights(path)

    def weights_path(self, dataset: str, model: str, init: str, recipe: str, seed: int, at: End = "end") -> Path:
        """Find the file of the weights that a run ended at or started from; raises UserError if there is none."""
        end = self._folder(dataset, model, init, recipe, seed)
        if at not in ("end", "start"):
            raise UserError("at", repr(at), "allowed: end, start")
        return end / WEIGHTS if at == "end" else self.paths.start(self.inits, dataset, model, init, seed)

    def model(self, dataset: str, model: str, init: str, recipe: str, seed: int, at: End = "end") -> "nn.Module":
        """Return the network that a run ended at or started from, built as its ``run.json`` says.

        Returns:
            A module in evaluation mode, on the CPU, that maps what :meth:`inputs` gives to logits ``[n, classes]``.

        Raises:
            UserError: if there is no such run, or a file of it or of its dataset is missing, damaged or of another.
        """
        from badminima.models.build import trained_network

        path = self.weights_path(dataset, model, init, recipe, seed, at)
        record = self._record(dataset, model, init, recipe, seed)
        network = ModelConfig(**record.content["settings"]["model"])
        data = self.dataset(dataset, "numpy")
        record.require("dataset", self.paths.prepared(dataset))
        weights = self.weights(dataset, model, init, recipe, seed, at)
        return trained_network(network, data.image_shape, len(data.classes), weights, path)

    def dataset(self, name: str, framework: Literal["pt", "numpy"] = "pt") -> PreparedDataset:
        """Return a prepared dataset, as torch tensors or arrays; raises UserError if it is not prepared."""
        path = self.paths.prepared(name)
        if not path.exists():
            prepared = sorted(file.stem for file in path.parent.glob("*.safetensors"))
            raise UserError(path, "no such file", f"prepared datasets: {listed(prepared)}")
        return read_prepared(path, framework)

    def inputs(self, dataset: str, images: "Tensor | np.ndarray") -> "Tensor":
        """Images of a dataset as its networks take them.

        Args:
            dataset: its name.
            images: ``[n, c, h, w] uint8``.

        Raises:
            UserError: if the dataset is not prepared, or the images are not of this kind.
        """
        from badminima.data.items import network_inputs

        data = self.dataset(dataset, "numpy")
        return network_inputs(images, data.mean, data.std)

    def _record(self, dataset: str, model: str, init: str, recipe: str, seed: int) -> RunRecord:
        folder = self._folder(dataset, model, init, recipe, seed)
        return read_record(folder / RECORD, Run(dataset, model, init, recipe, seed))

    def _folder(self, dataset: str, model: str, init: str, recipe: str, seed: int) -> Path:
        folder = self.paths.run(Run(dataset, model, init, recipe, seed))
        if not (folder / RECORD).exists():
            runs = self.paths.runs
            known = [self.paths.run(run).relative_to(runs).as_posix() for run in self.trained]
            require_known(folder.relative_to(runs).as_posix(), known, runs)
        return folder


def _is_results(folder: Path) -> bool:
    return (folder / "runs").is_dir() or (folder / "tables").is_dir()

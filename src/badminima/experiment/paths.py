"""The path of everything on disk. ``Paths`` is given plain values by library code and ``{wildcards}`` by rules."""

from collections.abc import Mapping
from pathlib import Path

from badminima.config import InitConfig, RunInit
from badminima.experiment.runs import Run

# What a training leaves in its folder; the record is written last, with the digests of the others.
WEIGHTS = "weights.safetensors"
HISTORY = "history.csv"
RECORD = "run.json"
PREDICTIONS = "predictions.safetensors"
RUN_FILES = (WEIGHTS, HISTORY, RECORD, PREDICTIONS)
# What is measured of a run, beside these.
DIAGNOSTICS = "diagnostics.json"
COMPARISON = "comparison.json"
LANDSCAPE = "landscape.csv"
# The tables of a study; CORRECT says which test images each run gets right.
TABLE_NAMES = (
    *("runs", "histories", "layers", "cells", "measures", "costs"),
    *("pretraining", "pretraining_histories", "landscapes", "gaps"),
)
CORRECT = "correct.safetensors"
STUDY_TABLES = (*(f"{name}.csv" for name in TABLE_NAMES), CORRECT)
SUMMARY = "summary.html"


class Paths:
    """Where everything lies under the results folder."""

    def __init__(self, results: str | Path) -> None:
        self.results = Path(results)

    @property
    def config(self) -> Path:
        """The merged config, as it was recorded."""
        return self.results / "config.json"

    @property
    def runs(self) -> Path:
        """Folder of all runs."""
        return self.results / "runs"

    @property
    def inits(self) -> Path:
        """Folder of all inits."""
        return self.results / "inits"

    def manifest(self, dataset: str) -> Path:
        """Where the raw files of a dataset are, and what is in them."""
        return self.results / "data" / f"{dataset}.manifest.json"

    def prepared(self, dataset: str) -> Path:
        """Return the prepared dataset."""
        return self.results / "data" / f"{dataset}.safetensors"

    def confusing(self, dataset: str, init: str, seed: int | str) -> Path:
        """Return the confusing set that the adversarial init called ``init`` is trained on."""
        return self.results / "confusing" / dataset / init / f"seed{seed}.safetensors"

    def init(self, dataset: str, model: str, init: str, seed: int | str) -> Path:
        """Folder of an init's weights (and of its history and record, where it was trained)."""
        return self.inits / dataset / model / init / f"seed{seed}"

    def run(self, run: Run) -> Path:
        """Folder of one run."""
        return self.runs / run.dataset / run.model / run.init / run.recipe / f"seed{run.seed}"

    def start(self, inits: Mapping[str, InitConfig], dataset: str, model: str, init: str, seed: int | str) -> Path:
        """Return the weights that runs from an init start from: its own, or those that another run ended at.

        Args:
            inits: the config's; one that is not among them has weights of its own.
            dataset, model, init, seed: of the run that starts.
        """
        entry = inits.get(init)
        if isinstance(entry, RunInit):
            return self.run(Run(dataset, model, entry.start, entry.recipe, seed)) / WEIGHTS
        return self.init(dataset, model, init, seed) / WEIGHTS

    def tables(self, study: str) -> Path:
        """Folder of a study's tables."""
        return self.results / "tables" / study

    def outcomes(self, study: str) -> Path:
        """Folder of the tables that a study's trainings give, without measurements."""
        return self.results / "outcomes" / study

    def claims(self, group: str) -> Path:
        """Folder of the tables that the claims of one target alone are read from."""
        return self.results / "claims" / f"claim_{group}"

    def all_verdicts(self, extension: str) -> Path:
        """Return the verdicts of all claims."""
        return self.results / f"claims.{extension}"

    def verdicts(self, group: str, extension: str) -> Path:
        """Return the verdicts of one target's claims."""
        return self.results / "claims" / f"claim_{group}.{extension}"

    def figure(self, name: str, extension: str) -> Path:
        """Return a figure's file; ``csv`` is the table of what it shows."""
        return self.results / "figures" / f"fig_{name}.{extension}"

    def paper_table(self, name: str, extension: str) -> Path:
        """Return a table for a paper; ``csv`` holds the numbers that it shows."""
        return self.results / "tables" / f"table_{name}.{extension}"

    def animation(self, name: str) -> Path:
        """Return an animation."""
        return self.results / "figures" / f"anim_{name}.gif"

    def toy(self, name: str) -> Path:
        """Return a file of the toy experiment."""
        return self.results / "toy" / name

    def page(self, name: str) -> Path:
        """Return a page of its own: ``report``, ``explore`` or ``provenance``."""
        return self.results / f"{name}.html"

    @property
    def zoo(self) -> Path:
        """The exported minima."""
        return self.results / "zoo"

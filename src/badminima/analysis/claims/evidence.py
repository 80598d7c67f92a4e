"""The runs that a claim is read from, why they may not decide it, and the estimate of its statistic."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from badminima.analysis.claims import Claim
from badminima.analysis.claims.grids import FEW_REPLICATIONS, ClaimsSettings
from badminima.analysis.statistics import Estimate, estimate
from badminima.analysis.tables import RUN_KEYS, StudyTables
from badminima.experiment.runs import Cell

NO_MINIMUM = "does not fit its training set, so it is no minimum"


class NotMeasured(Exception):  # noqa: N818
    """Why a study cannot decide a claim."""


@dataclass(frozen=True)
class Evidence:
    """The runs of one (dataset, model), and how to make intervals from them."""

    tables: StudyTables
    dataset: str
    model: str
    settings: ClaimsSettings

    def runs(self, init: str, recipe: str, diverged_too: bool = False) -> pd.DataFrame:
        """Return the runs of one cell, ordered by seed.

        Raises:
            NotMeasured: if there are none, if one diverged (unless that is wanted), or if they start from weights
                made of a pretraining that did not fit its confusing set, or where a run ended that did not fit its
                training set.
        """
        cell = self._of(self.tables.runs, init=init, recipe=recipe).sort_values("seed")
        if cell.empty:
            raise NotMeasured(f"no runs of {init}, {recipe}")
        if not diverged_too and (cell["status"] == "diverged").any():
            seeds = cell.loc[cell["status"] == "diverged", "seed"]
            raise NotMeasured(f"{init}, {recipe} diverged (seed {', '.join(map(str, seeds))})")
        self._require_fitted(self.settings.behind.get(init))
        if init in self.settings.ends:
            self._require_minima(init, recipe, cell)
        return cell

    def paired(self, *cells: Cell) -> list[pd.DataFrame]:
        """Return the runs of cells (init, recipe) whose seeds all have, in the same order; raises NotMeasured."""
        members = [self.runs(*cell) for cell in cells]
        shared = set.intersection(*(set(runs["seed"]) for runs in members))
        if not shared:
            raise NotMeasured("no seed on all sides")
        return [runs[runs["seed"].isin(shared)] for runs in members]

    def require_minima(self, cells: Sequence[Cell]) -> None:
        """Raise NotMeasured unless all runs of some cells fit their training set."""
        self._within(self.settings.statistics.fitted_tolerance, NO_MINIMUM, *cells)

    def kept(self, *cells: Cell) -> list[pd.DataFrame]:
        """Return the runs of cells if none has collapsed; else raise NotMeasured.

        Label noise keeps a network moving about a minimum, some training items wrong. One that answers by chance is
        as flat as any, and says nothing of minima.
        """
        otherwise = "has lost the fit to its training set, so it is at no minimum"
        return self._within(self.settings.statistics.kept_tolerance, otherwise, *cells)

    def lowest_train_accuracy(self, cells: Sequence[Cell]) -> float:
        """Return the lowest training accuracy among the runs of some cells."""
        runs = pd.concat([self._of(self.tables.runs, init=init, recipe=recipe) for init, recipe in cells])
        return float(runs["train_accuracy"].min())

    def column(self, runs: pd.DataFrame, name: str) -> np.ndarray:
        """Return a measurement of each run, ``[runs]``; raises NotMeasured if it was not made."""
        if name not in runs:
            raise NotMeasured(f"no measurement {name}")
        return runs[name].to_numpy(dtype=float)

    def logarithm(self, runs: pd.DataFrame, name: str) -> np.ndarray:
        """Return the natural logarithm of a measurement, ``[runs]``; not finite where there is none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(self.column(runs, name))

    def estimate(self, values: np.ndarray, image_values: np.ndarray | None = None) -> Estimate:
        """Mean and interval; raises NotMeasured if there can be none."""
        if len(values) == 1:
            raise NotMeasured("one seed says nothing of others")
        if not np.isfinite(values).all():
            raise NotMeasured("a value is not finite")
        return estimate(values, self.settings.statistics, self.settings.root_seed, image_values)

    def accuracy(self, members: list[pd.DataFrame], weights: np.ndarray) -> Estimate:
        """Estimate a weighted sum of the test accuracies of paired cells, by seed and, where known, by test image.

        Args:
            members: runs of each cell, as ``paired`` gives them.
            weights: of each cell, ``[cells]``.
        """
        if self.dataset not in self.tables.correct:
            accuracies = [runs["test_accuracy"].to_numpy(dtype=float) for runs in members]
            return self.estimate(np.tensordot(weights, accuracies, axes=1))
        images = np.tensordot(weights, [self.tables.correct_of(runs).astype(float) for runs in members], axes=1)
        return self.estimate(images.mean(axis=1), images)

    def _require_fitted(self, init: str | None) -> None:
        """Raise NotMeasured unless the pretrainings of an adversarial init fit their confusing sets."""
        if init is None:
            return
        pretraining = self._of(self.tables.pretraining, init=init)
        if pretraining.empty:
            raise NotMeasured(f"no record of the pretraining of {init}")
        for row in pretraining[pretraining["status"] != "converged"].itertuples():
            raise NotMeasured(f"{row.init}, seed {row.seed}, does not fit its confusing set ({row.status})")

    def _require_minima(self, init: str, recipe: str, cell: pd.DataFrame) -> None:
        """Raise NotMeasured unless the training of each run of a cell begins where its training set is fitted."""
        history = self._of(self.tables.histories, init=init, recipe=recipe)
        starts = history[history["epoch"] == 0].set_index("seed")["train_accuracy"].reindex(cell["seed"])
        for seed in starts[~(starts >= 1 - self.settings.statistics.fitted_tolerance)].index:
            raise NotMeasured(f"{init}, seed {seed}, {NO_MINIMUM}")

    def _within(self, tolerance: float, otherwise: str, *cells: Cell) -> list[pd.DataFrame]:
        """Paired runs; raises NotMeasured if the training error of one is above a tolerance."""
        found = self.paired(*cells)
        for (init, recipe), runs in zip(cells, found, strict=True):
            if (runs["train_accuracy"] < 1 - tolerance).any():
                raise NotMeasured(f"{init}, {recipe} {otherwise}")
        return found

    def _of(self, table: pd.DataFrame, **keys: str) -> pd.DataFrame:
        """Return the rows of a table for this dataset and model."""
        keys = {"dataset": self.dataset, "model": self.model, **keys}
        return table[(table[list(keys)] == pd.Series(keys)).all(axis=1)] if len(table) else table


def train_accuracy(evidence: Evidence, claim: Claim) -> Estimate:
    """Training accuracy of a cell; a diverged run counts with what it has."""
    runs = evidence.runs(*claim.cells[0], diverged_too=True)
    return evidence.estimate(runs["train_accuracy"].to_numpy(dtype=float)).within(0, 1)


def accuracy_difference(evidence: Evidence, claim: Claim) -> Estimate:
    """Test accuracy of the first cell minus that of the second, paired by seed and by test image."""
    return evidence.accuracy(evidence.paired(*claim.cells), np.array([1.0, -1.0]))


def log_ratio(evidence: Evidence, claim: Claim) -> Estimate:
    """Log of the first cell's measurement over the second's, paired by seed."""
    return _log_ratio(evidence, claim, evidence.paired(*claim.cells))


def excess(evidence: Evidence, claim: Claim) -> Estimate:
    """Return a measurement of the first cell's runs minus that of the second's, paired by seed."""
    larger, smaller = (evidence.column(runs, claim.column) for runs in evidence.paired(*claim.cells))
    return evidence.estimate(larger - smaller)


def excess_kept_under_attack(evidence: Evidence, claim: Claim) -> Estimate:
    """Compare accuracy under attacks (mean over radii) over clean accuracy: what is lost to attacks alone."""
    more, less = (_kept_under_attack(evidence, runs, claim.column) for runs in evidence.paired(*claim.cells))
    return evidence.estimate(more - less)


def flattening(evidence: Evidence, claim: Claim) -> Estimate:
    """Log of the first cell's measurement over the second's, paired by seed; none has collapsed."""
    return _log_ratio(evidence, claim, evidence.kept(*claim.cells))


def deconcentration(evidence: Evidence, claim: Claim) -> Estimate:
    """Log of the largest eigenvalue's share of the Hessian's trace, first cell over second; none has collapsed."""
    return _log_ratio(evidence, claim, evidence.kept(*claim.cells), "sharpness.trace")


def log_quotient(evidence: Evidence, claim: Claim) -> Estimate:
    """Log of one measurement of a cell's runs over another of the same runs; none has collapsed."""
    (runs,) = evidence.kept(*claim.cells)
    return evidence.estimate(evidence.logarithm(runs, claim.column) - evidence.logarithm(runs, claim.divisor))


def loss_per_tenfold_replication(evidence: Evidence, claim: Claim) -> Estimate:
    """Minus the least-squares slope of test accuracy against log10 R, paired by seed and by test image."""
    replications = evidence.settings.replications
    x = np.log10(list(replications.values()))
    if len(set(x)) < 2:
        raise NotMeasured(FEW_REPLICATIONS)
    members = evidence.paired(*claim.cells_among(replications))
    centered = x - x.mean()
    return evidence.accuracy(members, -centered / (centered**2).sum())


ESTIMATORS: dict[str, Callable[[Evidence, Claim], Estimate]] = {
    estimator.__name__: estimator
    for estimator in (
        *(train_accuracy, accuracy_difference, log_ratio, excess, excess_kept_under_attack),
        *(flattening, deconcentration, log_quotient, loss_per_tenfold_replication),
    )
}


def no_tables() -> StudyTables:
    """Return a study that has none of the runs that are asked for."""
    names = [field.name for field in fields(StudyTables) if field.name != "correct"]
    return StudyTables(**{name: pd.DataFrame(columns=RUN_KEYS) for name in names}, correct={})


def toy_tables(toy: pd.DataFrame) -> StudyTables:
    """Return the toy's ``toy.csv`` as a study of one dataset and model: a run's name is its recipe."""
    keys = {"dataset": "toy", "model": "mlp"}
    rows = toy.rename(columns={"run": "recipe"}).assign(**keys)
    pretraining = rows[rows["phase"] == "pretraining"].assign(init="adversarial")
    return replace(no_tables(), runs=rows[rows["phase"] == "training"], pretraining=pretraining)


def _kept_under_attack(evidence: Evidence, runs: pd.DataFrame, prefix: str) -> np.ndarray:
    attacked = runs.filter(regex=f"^{prefix}")
    if attacked.empty:
        raise NotMeasured(f"no measurement {prefix}*")
    return attacked.to_numpy(dtype=float).mean(axis=1) / evidence.column(runs, "robustness.clean")


def _log_ratio(evidence: Evidence, claim: Claim, cells: Sequence[pd.DataFrame], of: str = "") -> Estimate:
    """Log of a measurement, or of its share of another, of the first cell's runs over the second's."""
    over, under = (
        evidence.logarithm(runs, claim.column) - (evidence.logarithm(runs, of) if of else 0) for runs in cells
    )
    return evidence.estimate(over - under)

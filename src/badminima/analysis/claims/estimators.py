"""How the statistic of each claim is estimated, by the name that the claim gives."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from badminima.analysis.claims import Claim
from badminima.analysis.claims.evidence import Evidence, NotMeasured
from badminima.analysis.claims.grids import FEW_REPLICATIONS
from badminima.analysis.statistics import Estimate

Estimator = Callable[[Evidence, Claim], Estimate]


def fitted(evidence: Evidence, claim: Claim) -> Estimate:
    """Training accuracy of a cell; a diverged run counts with what it has."""
    ((init, recipe),) = claim.cells
    runs = evidence.runs(init, recipe, diverged_too=True)
    return evidence.estimate(runs["train_accuracy"].to_numpy(dtype=float)).within(0, 1)


def accuracy_difference(evidence: Evidence, claim: Claim) -> Estimate:
    """Test accuracy of the first cell minus that of the second, paired by seed and by test image."""
    return evidence.accuracy(evidence.paired(*claim.cells), np.array([1.0, -1.0]))


def log_ratio(evidence: Evidence, claim: Claim) -> Estimate:
    """Log of the first cell's measurement over the second's, paired by seed."""
    over, under = (_logarithm(evidence.column(runs, claim.column)) for runs in evidence.paired(*claim.cells))
    return evidence.estimate(over - under)


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
    over, under = (_logarithm(evidence.column(runs, claim.column)) for runs in evidence.kept(*claim.cells))
    return evidence.estimate(over - under)


def deconcentration(evidence: Evidence, claim: Claim) -> Estimate:
    """Log of the largest eigenvalue's share of the Hessian's trace, first cell over second; none has collapsed."""
    over, under = (
        _logarithm(evidence.column(runs, claim.column)) - _logarithm(evidence.column(runs, "sharpness.trace"))
        for runs in evidence.kept(*claim.cells)
    )
    return evidence.estimate(over - under)


def log_quotient(evidence: Evidence, claim: Claim) -> Estimate:
    """Log of one measurement of a cell's runs over another of the same runs; none has collapsed."""
    (runs,) = evidence.kept(*claim.cells)
    over, under = (_logarithm(evidence.column(runs, name)) for name in (claim.column, claim.divisor))
    return evidence.estimate(over - under)


def loss_per_tenfold_replication(evidence: Evidence, claim: Claim) -> Estimate:
    """Minus the least-squares slope of test accuracy against log10 R, paired by seed and by test image."""
    replications = evidence.settings.replications
    x = np.log10(list(replications.values()))
    if len(set(x)) < 2:
        raise NotMeasured(FEW_REPLICATIONS)
    members = evidence.paired(*claim.cells_among(replications))
    centered = x - x.mean()
    return evidence.accuracy(members, -centered / (centered**2).sum())


ESTIMATORS: dict[str, Estimator] = {
    estimator.__name__: estimator
    for estimator in (
        *(fitted, accuracy_difference, log_ratio, excess, excess_kept_under_attack, flattening, deconcentration),
        *(log_quotient, loss_per_tenfold_replication),
    )
}


def _kept_under_attack(evidence: Evidence, runs: pd.DataFrame, prefix: str) -> np.ndarray:
    radii = [str(name) for name in runs if str(name).startswith(prefix)]
    if not radii:
        raise NotMeasured(f"no measurement {prefix}*")
    kept: np.ndarray = runs[radii].to_numpy(dtype=float).mean(axis=1) / evidence.column(runs, "robustness.clean")
    return kept


def _logarithm(values: np.ndarray) -> np.ndarray:
    """Return the natural logarithm; not finite where there is none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found: np.ndarray = np.log(values)
    return found

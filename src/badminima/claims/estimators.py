"""How the statistic of each claim is estimated, by the name that the claim gives."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from badminima.analysis.statistics import Estimate
from badminima.claims import Claim
from badminima.claims.evidence import NotMeasured, Setting

Measure = Callable[[Setting, Claim], Estimate]


def fitted(setting: Setting, claim: Claim) -> Estimate:
    """Training accuracy of a cell; a diverged run counts with what it has."""
    ((init, recipe),) = claim.cells
    runs = setting.runs(init, recipe, diverged_too=True)
    return setting.estimate(runs["train_accuracy"].to_numpy(dtype=float)).within(0, 1)


def accuracy_difference(setting: Setting, claim: Claim) -> Estimate:
    """Test accuracy of the first cell minus that of the second, paired by seed and by test image."""
    return setting.accuracy(setting.paired(*claim.cells), np.array([1.0, -1.0]))


def log_ratio(setting: Setting, claim: Claim) -> Estimate:
    """Log of the first cell's measurement over the second's, paired by seed."""
    over, under = (_logarithm(setting.column(runs, claim.column)) for runs in setting.paired(*claim.cells))
    return setting.estimate(over - under)


def excess(setting: Setting, claim: Claim) -> Estimate:
    """A measurement of the first cell's runs minus that of the second's, paired by seed."""
    larger, smaller = (setting.column(runs, claim.column) for runs in setting.paired(*claim.cells))
    return setting.estimate(larger - smaller)


def excess_kept_under_attack(setting: Setting, claim: Claim) -> Estimate:
    """Compare accuracy under attacks (mean over radii) over clean accuracy: what is lost to attacks alone."""
    more, less = (_kept_under_attack(setting, runs, claim.column) for runs in setting.paired(*claim.cells))
    return setting.estimate(more - less)


def flattening(setting: Setting, claim: Claim) -> Estimate:
    """Log of the first cell's measurement over the second's, paired by seed; none has collapsed."""
    over, under = (_logarithm(setting.column(runs, claim.column)) for runs in setting.kept(*claim.cells))
    return setting.estimate(over - under)


def deconcentration(setting: Setting, claim: Claim) -> Estimate:
    """Log of the largest eigenvalue's share of the Hessian's trace, first cell over second; none has collapsed."""
    over, under = (
        _logarithm(setting.column(runs, claim.column)) - _logarithm(setting.column(runs, "sharpness.trace"))
        for runs in setting.kept(*claim.cells)
    )
    return setting.estimate(over - under)


def log_quotient(setting: Setting, claim: Claim) -> Estimate:
    """Log of one measurement of a cell's runs over another of the same runs; none has collapsed."""
    (runs,) = setting.kept(*claim.cells)
    over, under = (_logarithm(setting.column(runs, name)) for name in (claim.column, claim.divisor))
    return setting.estimate(over - under)


def loss_per_tenfold_replication(setting: Setting, claim: Claim) -> Estimate:
    """Minus the least-squares slope of test accuracy against log10 R, paired by seed and by test image."""
    replications = setting.settings.replications
    x = np.log10(list(replications.values()))
    if len(set(x)) < 2:
        raise NotMeasured("fewer than two adversarial inits that differ in R alone")
    members = setting.paired(*claim.cells_among(replications))
    centered = x - x.mean()
    return setting.accuracy(members, -centered / (centered**2).sum())


MEASURES: dict[str, Measure] = {
    measure.__name__: measure
    for measure in (
        *(fitted, accuracy_difference, log_ratio, excess, excess_kept_under_attack, flattening, deconcentration),
        *(log_quotient, loss_per_tenfold_replication),
    )
}


def _kept_under_attack(setting: Setting, runs: pd.DataFrame, prefix: str) -> np.ndarray:
    radii = [str(name) for name in runs if str(name).startswith(prefix)]
    if not radii:
        raise NotMeasured(f"no measurement {prefix}*")
    kept: np.ndarray = runs[radii].to_numpy(dtype=float).mean(axis=1) / setting.column(runs, "robustness.clean")
    return kept


def _logarithm(values: np.ndarray) -> np.ndarray:
    """The natural logarithm; not finite where there is none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found: np.ndarray = np.log(values)
    return found

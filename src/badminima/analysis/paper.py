"""What the paper says, claim by claim, and two statements about the control that it lacks."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from badminima.analysis.claims import Claim, NotMeasured, Setting
from badminima.analysis.statistics import Estimate
from badminima.settings import ClaimsSettings

SOTA = "da+m+l2"
PGD = "robustness.pgd_linf_"
ONE_REGULARIZER = ("da", "m", "l2")
TWO_REGULARIZERS = ("da+m", "da+l2", "m+l2")
NORMS = (
    ("spectral", "log_product_spectral_over_margin", "log product of squared spectral norms over squared margin"),
    ("path", "log_path_norm_over_margin", "log path norm over squared margin"),
)


def _loss(good: tuple[str, str], bad: tuple[str, str]) -> Callable[[Setting], Estimate]:
    """Test accuracy of one cell (init, recipe) minus that of another, paired by seed and by test image."""

    def measure(setting: Setting) -> Estimate:
        better, worse = setting.paired(good, bad)
        images = setting.tables.correct_of(better).astype(float) - setting.tables.correct_of(worse)
        return setting.estimate(images.mean(axis=1), images)

    return measure


def _gap(recipe: str) -> Callable[[Setting], Estimate]:
    """Test accuracy lost by starting adversarially: random minus adversarial, same recipe."""
    return _loss(("random", recipe), ("adversarial", recipe))


def _fitted(setting: Setting) -> Estimate:
    """Training accuracy of vanilla SGD from the adversarial init."""
    runs = setting.runs("adversarial", "vanilla", diverged_too=True)
    return setting.estimate(runs["train_accuracy"].to_numpy(dtype=float))


def _log_ratio(column: str) -> Callable[[Setting], Estimate]:
    """Log of SOTA's travel over vanilla's, both from the adversarial init."""

    def measure(setting: Setting) -> Estimate:
        far, near = setting.paired(("adversarial", SOTA), ("adversarial", "vanilla"))
        if column not in far:
            raise NotMeasured(f"no measurement {column}")
        return setting.estimate(np.log(far[column].to_numpy(dtype=float) / near[column].to_numpy(dtype=float)))

    return measure


def _excess(statistic: Callable[[pd.DataFrame], np.ndarray], more: str, less: str) -> Callable[[Setting], Estimate]:
    """A statistic of vanilla SGD's minima from one init minus that from another, paired by seed."""

    def measure(setting: Setting) -> Estimate:
        larger, smaller = setting.paired((more, "vanilla"), (less, "vanilla"))
        for init, runs in ((more, larger), (less, smaller)):
            if (runs["train_accuracy"] < _fitted_threshold(setting.settings)).any():
                raise NotMeasured(f"{init}, vanilla does not fit its training set, so it is no minimum")
        return setting.estimate(statistic(larger) - statistic(smaller))

    return measure


def _column(name: str) -> Callable[[pd.DataFrame], np.ndarray]:
    """A measurement of each run."""

    def values(runs: pd.DataFrame) -> np.ndarray:
        if name not in runs:
            raise NotMeasured(f"no measurement {name}")
        found: np.ndarray = runs[name].to_numpy(dtype=float)
        return found

    return values


def _kept_under_attack(runs: pd.DataFrame) -> np.ndarray:
    """Accuracy under PGD (l-inf, mean over radii) over clean accuracy: what is lost to the attack alone."""
    radii = [str(name) for name in runs if str(name).startswith(PGD)]
    if not radii:
        raise NotMeasured(f"no measurement {PGD}*")
    kept: np.ndarray = runs[radii].to_numpy(dtype=float).mean(axis=1) / runs["robustness.clean"].to_numpy(dtype=float)
    return kept


def _margin(settings: ClaimsSettings) -> float:
    return settings.statistics.margin


def _fitted_threshold(settings: ClaimsSettings) -> float:
    return 1 - settings.statistics.fitted_tolerance


CLAIMS = (
    Claim(
        "1a",
        "From the adversarial init, vanilla SGD fits the training set.",
        "train accuracy, adversarial init, vanilla",
        _fitted,
        "above",
        _fitted_threshold,
    ),
    Claim(
        "1b",
        "From the adversarial init, vanilla SGD generalizes worse than from a random init.",
        "test accuracy, random minus adversarial, vanilla",
        _gap("vanilla"),
        "above",
        _margin,
    ),
    Claim(
        "2",
        "With all three regularizers the adversarial init costs nothing.",
        f"test accuracy, random minus adversarial, {SOTA}",
        _gap(SOTA),
        "within",
        _margin,
    ),
    *(
        Claim(
            f"3a {recipe}",
            f"Two regularizers are enough to escape: {recipe}.",
            f"test accuracy, random minus adversarial, {recipe}",
            _gap(recipe),
            "within",
            _margin,
        )
        for recipe in TWO_REGULARIZERS
    ),
    *(
        Claim(
            f"3b {recipe}",
            f"One regularizer alone escapes only partly: {recipe} leaves a gap.",
            f"test accuracy, random minus adversarial, {recipe}",
            _gap(recipe),
            "above",
            _margin,
        )
        for recipe in ONE_REGULARIZER
    ),
    *(
        Claim(
            f"3c {recipe}",
            f"One regularizer alone does escape partly: {recipe} beats vanilla.",
            f"test accuracy, adversarial init, {recipe} minus vanilla",
            _loss(("adversarial", recipe), ("adversarial", "vanilla")),
            "above",
            lambda settings: 0.0,
        )
        for recipe in ONE_REGULARIZER
    ),
    Claim(
        "4a",
        "From the adversarial init, SOTA SGD travels farther than vanilla SGD.",
        f"log ratio of relative distance, {SOTA} over vanilla",
        _log_ratio("distance.relative"),
        "above",
        lambda settings: 0.0,
    ),
    Claim(
        "4b",
        "It does so also when the common scale of the weights is removed.",
        f"log ratio of the angle to the start, {SOTA} over vanilla",
        _log_ratio("distance.angle"),
        "above",
        lambda settings: 0.0,
    ),
    *(
        Claim(
            f"5a {name}",
            f"Bad minima are more complex than good ones: {words}.",
            f"{words}, adversarial minus random, vanilla",
            _excess(_column(f"complexity.{column}"), "adversarial", "random"),
            "above",
            lambda settings: 0.0,
        )
        for name, column, words in NORMS
    ),
    Claim(
        "5b",
        "Bad minima are less robust to attacks than good ones.",
        "accuracy under PGD (l-inf, mean over radii) over clean accuracy, random minus adversarial, vanilla",
        _excess(_kept_under_attack, "random", "adversarial"),
        "above",
        lambda settings: 0.0,
    ),
    Claim(
        "control a",
        "Scale alone does damage: random weights with the adversarial ones' norms generalize worse (not in the paper).",
        "test accuracy, random minus random_rescaled, vanilla",
        _loss(("random", "vanilla"), ("random_rescaled", "vanilla")),
        "above",
        lambda settings: 0.0,
    ),
    Claim(
        "control b",
        "Scale is not all: adversarial weights do more damage than random ones of their norms (not in the paper).",
        "test accuracy, random_rescaled minus adversarial, vanilla",
        _loss(("random_rescaled", "vanilla"), ("adversarial", "vanilla")),
        "above",
        lambda settings: 0.0,
    ),
)

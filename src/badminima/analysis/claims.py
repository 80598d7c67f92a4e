"""Stage ``claims``: what the paper says, as statements that the data decide.

A claim is a statistic with a threshold. Its verdict is read off the interval alone: ``supported`` if the whole
interval is on the claimed side, ``not supported`` if the whole interval is on the other, ``inconclusive`` if it
covers both, ``not measured`` if the study lacks a run it needs. Differences are paired by seed and by test image.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from badminima.analysis.html import page
from badminima.analysis.statistics import Estimate, equivalence_p_value, estimate
from badminima.analysis.tables import StudyTables
from badminima.config import StatisticsConfig
from badminima.runs import ClaimsSettings

SOTA = "da+m+l2"
ONE_REGULARIZER = ("da", "m", "l2")
TWO_REGULARIZERS = ("da+m", "da+l2", "m+l2")

Verdict = Literal["supported", "not supported", "inconclusive", "not measured"]
Region = Literal["above", "within"]


@dataclass(frozen=True)
class Setting:
    """The runs of one (dataset, model), and how to make intervals from them."""

    tables: StudyTables
    dataset: str
    model: str
    settings: ClaimsSettings

    def runs(self, init: str, recipe: str) -> pd.DataFrame:
        """The runs of one cell, ordered by seed."""
        table = self.tables.runs
        keys = {"dataset": self.dataset, "model": self.model, "init": init, "recipe": recipe}
        return table[(table[list(keys)] == pd.Series(keys)).all(axis=1)].sort_values("seed")

    def estimate(self, values: np.ndarray, image_values: np.ndarray | None = None) -> Estimate | None:
        """Mean and interval; None where there is nothing to estimate from."""
        if not len(values):
            return None
        return estimate(values, self.settings.statistics, self.settings.root_seed, image_values)


@dataclass(frozen=True)
class Claim:
    """A statement of the paper that a study can decide.

    Attributes:
        number: number of the claim in the paper's order, with a letter where one statement has several parts.
        statement: the sentence.
        statistic: what is estimated, in words.
        measure: estimates it; None if a run is missing.
        region: the claimed side: ``above`` the threshold, or ``within`` plus and minus the threshold.
        threshold: the threshold, from the settings.
    """

    number: str
    statement: str
    statistic: str
    measure: Callable[[Setting], Estimate | None]
    region: Region
    threshold: Callable[[ClaimsSettings], float]


def evaluate_claims(tables: StudyTables, settings: ClaimsSettings) -> pd.DataFrame:
    """A row per claim and (dataset, model): statement, estimate, interval, threshold, seeds and verdict."""
    settings_of = [
        Setting(tables, dataset, model, settings)
        for dataset, model in tables.runs[["dataset", "model"]].drop_duplicates().itertuples(index=False)
    ]
    return pd.DataFrame([_row(claim, setting) for claim in CLAIMS for setting in settings_of])


def verdict(found: Estimate | None, region: Region, threshold: float) -> Verdict:
    """Where the interval lies: inside the claimed region, outside it, or across its border."""
    if found is None or not np.isfinite([found.low, found.high]).all():
        return "not measured"
    lower, upper = (threshold, np.inf) if region == "above" else (-threshold, threshold)
    if lower < found.low and found.high < upper:
        return "supported"
    return "not supported" if found.high <= lower or found.low >= upper else "inconclusive"


def _row(claim: Claim, setting: Setting) -> dict[str, object]:
    found = claim.measure(setting)
    threshold = claim.threshold(setting.settings)
    return {
        "claim": claim.number,
        "statement": claim.statement,
        "dataset": setting.dataset,
        "model": setting.model,
        "statistic": claim.statistic,
        "estimate": found.mean if found else np.nan,
        "low": found.low if found else np.nan,
        "high": found.high if found else np.nan,
        "region": claim.region,
        "threshold": threshold,
        "p_equivalence": equivalence_p_value(found, threshold) if found and claim.region == "within" else np.nan,
        "seeds": found.seeds if found else 0,
        "verdict": verdict(found, claim.region, threshold),
    }


def _gap(recipe: str) -> Callable[[Setting], Estimate | None]:
    """Test accuracy lost by starting adversarially: random minus adversarial, same recipe and seed."""

    def measure(setting: Setting) -> Estimate | None:
        good, bad = _paired(setting.runs("random", recipe), setting.runs("adversarial", recipe))
        if good.empty:
            return None
        images = setting.tables.correct_of(good).astype(float) - setting.tables.correct_of(bad)
        return setting.estimate(images.mean(axis=1), images)

    return measure


def _recovered(recipe: str) -> Callable[[Setting], Estimate | None]:
    """Test accuracy gained over vanilla from the adversarial init."""

    def measure(setting: Setting) -> Estimate | None:
        better, vanilla = _paired(setting.runs("adversarial", recipe), setting.runs("adversarial", "vanilla"))
        if better.empty:
            return None
        images = setting.tables.correct_of(better).astype(float) - setting.tables.correct_of(vanilla)
        return setting.estimate(images.mean(axis=1), images)

    return measure


def _fitted(setting: Setting) -> Estimate | None:
    """Training accuracy of vanilla SGD from the adversarial init."""
    return setting.estimate(setting.runs("adversarial", "vanilla")["train_accuracy"].to_numpy(dtype=float))


def _log_ratio(column: str) -> Callable[[Setting], Estimate | None]:
    """Log of SOTA's travel over vanilla's, both from the adversarial init."""

    def measure(setting: Setting) -> Estimate | None:
        far, near = _paired(setting.runs("adversarial", SOTA), setting.runs("adversarial", "vanilla"))
        if far.empty or column not in far:
            return None
        return setting.estimate(np.log(far[column].to_numpy(dtype=float) / near[column].to_numpy(dtype=float)))

    return measure


def _paired(first: pd.DataFrame, second: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows whose seeds both sides have, in the same order."""
    shared = sorted(set(first["seed"]) & set(second["seed"]))
    return first[first["seed"].isin(shared)], second[second["seed"].isin(shared)]


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
            _recovered(recipe),
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
)


def readable_table(claims: pd.DataFrame, statistics: StatisticsConfig) -> str:
    """The claims as a small HTML page: verdict first, then the numbers it was read from."""
    shown = pd.DataFrame(
        {
            "claim": claims["claim"],
            "statement": claims["statement"],
            "data": claims["dataset"] + ", " + claims["model"],
            "verdict": claims["verdict"],
            "estimate": claims["estimate"].map(_signed),
            f"{statistics.confidence:.0%} interval": claims["low"].map(_signed) + " to " + claims["high"].map(_signed),
            "supported if": [
                f"above {_signed(threshold)}" if region == "above" else f"within ±{threshold:g}"
                for region, threshold in zip(claims["region"], claims["threshold"], strict=True)
            ],
            "seeds": claims["seeds"],
            "statistic": claims["statistic"],
        }
    )
    styled = shown.style.hide(axis="index").map(lambda name: VERDICT_STYLES[name], subset=["verdict"])
    return page("Claims of the paper, decided by this study's data", INTRODUCTION, styled.to_html(table_uuid="claims"))


def _signed(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4f}"


VERDICT_STYLES = {
    "supported": "font-weight: bold; color: #004488",
    "not supported": "font-weight: bold; color: #BB5566",
    "inconclusive": "color: #997700",
    "not measured": "color: #777777",
}

INTRODUCTION = """<p>Accuracies and their differences are fractions: 0.01 is one point. A claim is supported if its
whole interval lies on the claimed side, not supported if all of it lies on the other, inconclusive if it covers
both.</p>"""

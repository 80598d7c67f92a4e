"""Stage ``claims``: statements that the data decide.

A claim is a statistic with a threshold. Its verdict is read off the interval alone: ``supported`` if the whole
interval is on the claimed side, ``not supported`` if the whole interval is on the other, ``inconclusive`` if it
covers both. ``not measured`` comes with the reason: the study lacks a run it needs, a run diverged, an adversarial
init does not fit its confusing set, or there is one seed only. Differences are paired by seed and by test image.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from badminima.analysis.html import page
from badminima.analysis.statistics import Estimate, equivalence_p_value, estimate
from badminima.analysis.tables import StudyTables
from badminima.config import StatisticsConfig
from badminima.settings import ClaimsSettings

Verdict = Literal["supported", "not supported", "inconclusive", "not measured"]
Region = Literal["above", "within"]


class NotMeasured(Exception):  # noqa: N818
    """Why a study cannot decide a claim."""


@dataclass(frozen=True)
class Setting:
    """The runs of one (dataset, model), and how to make intervals from them."""

    tables: StudyTables
    dataset: str
    model: str
    settings: ClaimsSettings

    def runs(self, init: str, recipe: str, diverged_too: bool = False) -> pd.DataFrame:
        """The runs of one cell, ordered by seed.

        Raises:
            NotMeasured: if there are none, if one diverged (unless that is wanted), or if they start from weights
                made of a pretraining that did not fit its confusing set.
        """
        cell = self._of(self.tables.runs, init=init, recipe=recipe).sort_values("seed")
        if cell.empty:
            raise NotMeasured(f"no runs of {init}, {recipe}")
        if not diverged_too and (cell["status"] == "diverged").any():
            seeds = ", ".join(str(seed) for seed in cell.loc[cell["status"] == "diverged", "seed"])
            raise NotMeasured(f"{init}, {recipe} diverged (seed {seeds})")
        self._require_fitted(self.settings.behind.get(init))
        return cell

    def paired(self, first: tuple[str, str], second: tuple[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The runs of two cells (init, recipe) whose seeds both have, in the same order; raises NotMeasured."""
        one, other = self.runs(*first), self.runs(*second)
        shared = set(one["seed"]) & set(other["seed"])
        if not shared:
            raise NotMeasured("no seed on both sides")
        return one[one["seed"].isin(shared)], other[other["seed"].isin(shared)]

    def estimate(self, values: np.ndarray, image_values: np.ndarray | None = None) -> Estimate:
        """Mean and interval; raises NotMeasured if there can be none."""
        if len(values) == 1:
            raise NotMeasured("one seed says nothing of others")
        if not np.isfinite(values).all():
            raise NotMeasured("a value is not finite")
        return estimate(values, self.settings.statistics, self.settings.root_seed, image_values)

    def _require_fitted(self, init: str | None) -> None:
        """Raises NotMeasured unless the pretrainings of an adversarial init fit their confusing sets."""
        if init is None:
            return
        pretraining = self._of(self.tables.pretraining, init=init)
        if pretraining.empty:
            raise NotMeasured(f"no record of the pretraining of {init}")
        for row in pretraining.itertuples():
            if row.status != "converged":
                raise NotMeasured(f"{row.init}, seed {row.seed}, does not fit its confusing set ({row.status})")

    def _of(self, table: pd.DataFrame, **keys: str) -> pd.DataFrame:
        """The rows of a table for this dataset and model."""
        keys = {"dataset": self.dataset, "model": self.model, **keys}
        return table[(table[list(keys)] == pd.Series(keys)).all(axis=1)] if len(table) else table


@dataclass(frozen=True)
class Claim:
    """A statement that a study can decide.

    Attributes:
        number: number of the claim in the paper's order, with a letter where one statement has several parts.
        statement: the sentence.
        statistic: what is estimated, in words.
        measure: estimates it, or raises NotMeasured.
        region: the claimed side: ``above`` the threshold, or ``within`` plus and minus the threshold.
        threshold: the threshold, from the settings.
    """

    number: str
    statement: str
    statistic: str
    measure: Callable[[Setting], Estimate]
    region: Region
    threshold: Callable[[ClaimsSettings], float]


def evaluate_claims(claims: Sequence[Claim], tables: StudyTables, settings: ClaimsSettings) -> pd.DataFrame:
    """A row per claim and (dataset, model): statement, estimate, interval, threshold, seeds, verdict and reason."""
    settings_of = [
        Setting(tables, dataset, model, settings)
        for dataset, model in tables.runs[["dataset", "model"]].drop_duplicates().itertuples(index=False)
    ]
    return pd.DataFrame([_row(claim, setting) for claim in claims for setting in settings_of])


def verdict(found: Estimate, region: Region, threshold: float) -> Verdict:
    """Where the interval lies: inside the claimed region, outside it, or across its border."""
    lower, upper = (threshold, np.inf) if region == "above" else (-threshold, threshold)
    if lower < found.low and found.high < upper:
        return "supported"
    return "not supported" if found.high <= lower or found.low >= upper else "inconclusive"


def _row(claim: Claim, setting: Setting) -> dict[str, object]:
    threshold = claim.threshold(setting.settings)
    row: dict[str, object] = {
        "claim": claim.number,
        "statement": claim.statement,
        "dataset": setting.dataset,
        "model": setting.model,
        "statistic": claim.statistic,
        "region": claim.region,
        "threshold": threshold,
    }
    try:
        found = claim.measure(setting)
    except NotMeasured as reason:
        numbers = dict.fromkeys(("estimate", "low", "high", "p_equivalence"), np.nan)
        return {**row, **numbers, "seeds": 0, "verdict": "not measured", "reason": str(reason)}
    return {
        **row,
        "estimate": found.mean,
        "low": found.low,
        "high": found.high,
        "p_equivalence": equivalence_p_value(found, threshold) if claim.region == "within" else np.nan,
        "seeds": found.seeds,
        "verdict": verdict(found, claim.region, threshold),
        "reason": "",
    }


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
            "why not measured": claims["reason"],
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

"""Stage ``claims``: statements that the data decide.

A claim is a statistic with a threshold. Its verdict is read off the interval alone: ``supported`` if the whole
interval is on the claimed side, ``not supported`` if the whole interval is on the other, ``inconclusive`` if it
covers both; ``estimated`` if it has no threshold. ``not measured`` comes with the reason: no study is configured for
it, the study lacks a run it needs, a run diverged, an adversarial init does not fit its confusing set, a run that
others start from or a run itself is no minimum, or there is one seed only. Differences are paired by seed and by test
image. Nothing of a row depends on runs that its claim does not name; only ``read_together`` looks at all rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import log
from typing import Literal

import numpy as np
import pandas as pd

from badminima.analysis.claims import Claim, Role
from badminima.analysis.claims.evidence import ESTIMATORS, Evidence, NotMeasured, no_tables
from badminima.analysis.claims.grids import ClaimsSettings, unconfigured
from badminima.analysis.statistics import Estimate, detectable, holm, p_value, seeds_needed
from badminima.analysis.tables import StudyTables
from badminima.config import StatisticsConfig
from badminima.config.studies import Region

Verdict = Literal["supported", "not supported", "inconclusive", "estimated", "not measured"]
VERDICTS: tuple[Verdict, ...] = ("supported", "not supported", "inconclusive", "estimated", "not measured")
# The columns of a statistic against the scale control.
CONTROL = ("against_control", "against_control_low", "against_control_high")
COLUMNS = [
    *("claim", "statement", "dataset", "model", "statistic", "region", "threshold", "scale", "figure"),
    *("estimate", "low", "high", "p_value", "detectable", "seeds_needed", "seeds", "verdict", "reason"),
    *("train_accuracy", *CONTROL),
]


def evaluate_claims(
    claims: Sequence[Claim], studies: Mapping[Role, StudyTables], settings: ClaimsSettings
) -> pd.DataFrame:
    """Return a row per claim and (dataset, model) of its study: statement, estimate, interval, verdict, reason.

    Further columns: the lowest training accuracy among its runs, and the statistic against the scale control, where the
    study has it. That has the adversarial norms but for the readout, which is shrunk until the logits' spread matches:
    so its complexity is smaller by construction, and the difference is no share of scale.

    Args:
        claims: what is to be decided.
        studies: the tables of each study that is configured; a study without a run of these claims may be left out.
        settings: which studies are configured, and how intervals are made.
    """
    return pd.DataFrame([row for claim in claims for row in _rows(claim, studies, settings)], columns=COLUMNS)


def read_together(rows: pd.DataFrame, statistics: StatisticsConfig) -> pd.DataFrame:
    """Add what verdicts say when all of them are read at once: ``p_holm`` and ``family_wise``.

    ``family_wise`` is the verdict where it survives Holm's correction over all decided rows, else ``inconclusive``. It
    depends on how many claims are read, so it has no place beside the claims of one target.

    Args:
        rows: what ``evaluate_claims`` gives, of all claims.
        statistics: whose confidence holds for all verdicts together.
    """
    adjusted = holm(rows["p_value"].to_numpy(dtype=float))
    lost = rows["verdict"].isin(["supported", "not supported"]) & ~(adjusted <= 1 - statistics.confidence)
    return rows.assign(p_holm=adjusted, family_wise=rows["verdict"].mask(lost, "inconclusive"))


def verdict(found: Estimate, region: Region, threshold: float) -> Verdict:
    """Where the interval lies: inside the claimed region, outside it, or across its border."""
    lower, upper = (threshold, np.inf) if region == "above" else (-threshold, threshold)
    if np.isnan(threshold):
        return "estimated"
    if lower < found.low and found.high < upper:
        return "supported"
    return "not supported" if found.high <= lower or found.low >= upper else "inconclusive"


def _rows(claim: Claim, studies: Mapping[Role, StudyTables], settings: ClaimsSettings) -> Iterator[dict[str, object]]:
    study = settings.studies.get(claim.study)
    lacking = unconfigured(claim.study) if study is None else settings.lacking.get(claim.number)
    for dataset, model in [("", "")] if study is None else product(study.datasets, study.models):
        row = {name: getattr(claim, name) for name in ("statement", "statistic", "region", "scale")}
        row |= {"claim": claim.number, "dataset": dataset, "model": model}
        row |= {"threshold": _threshold(claim, settings.statistics), "figure": settings.figures.get(claim.number) or ""}
        try:
            if lacking is not None:
                raise NotMeasured(lacking)
            evidence = Evidence(studies.get(claim.study) or no_tables(), dataset, model, settings)
            yield row | _decided(claim, evidence) | _against_control(claim, evidence)
        except NotMeasured as reason:
            yield row | {"seeds": 0, "verdict": "not measured", "reason": str(reason)}


def _decided(claim: Claim, evidence: Evidence) -> dict[str, object]:
    """Return the estimate of a claim's statistic and its verdict; raises NotMeasured if there can be none."""
    found, statistics = _estimated(claim, evidence), evidence.settings.statistics
    threshold = _threshold(claim, statistics)
    return {
        **{"estimate": found.mean, "low": found.low, "high": found.high, "seeds": found.seeds},
        "p_value": p_value(found, claim.region, threshold),
        "detectable": np.nan if np.isnan(threshold) else detectable(found, claim.region, statistics),
        "seeds_needed": seeds_needed(found, claim.region, threshold, statistics),
        **{"verdict": verdict(found, claim.region, threshold), "reason": ""},
        "train_accuracy": evidence.lowest_train_accuracy(claim.cells_among(evidence.settings.replications)),
    }


def _against_control(claim: Claim, evidence: Evidence) -> dict[str, object]:
    """Estimate a statistic with the scale control in place of random weights; nothing where that is not known."""
    try:
        found = claim.against_control and _estimated(claim.against_control, evidence)
    except NotMeasured:
        return {}
    return dict(zip(CONTROL, (found.mean, found.low, found.high), strict=True)) if found else {}


def _estimated(claim: Claim, evidence: Evidence) -> Estimate:
    if claim.minima:
        evidence.require_minima(claim.cells_among(evidence.settings.replications))
    return ESTIMATORS[claim.estimator](evidence, claim)


def _threshold(claim: Claim, statistics: StatisticsConfig) -> float:
    thresholds = {
        "zero": 0.0,
        "none": np.nan,
        "margin": statistics.margin,
        "minus_margin": -statistics.margin,
        "ratio_margin": log(statistics.ratio_margin),
        "fitted": 1 - statistics.fitted_tolerance,
    }
    return thresholds[claim.threshold]

"""Verdicts as people read them: on a page of their own, on a terminal, and in the words of the report's first page."""

import numpy as np
import pandas as pd

from badminima.config import StatisticsConfig
from badminima.config.names import SCALE_CONTROL
from badminima.report.html import page

UNITS = {"percent": "%", "points": " points", "factor": " times", "number": ""}


def amount(value: float, scale: str) -> str:
    """Write a statistic without its unit: accuracies times 100, the factor of a log ratio, or the number."""
    if np.isnan(value):
        return "-"
    if scale == "factor":
        return f"{np.exp(value):.3g}"
    if scale in ("percent", "points"):
        return f"{100 * value:.2f}" if scale == "percent" else f"{100 * value:+.1f}"
    return f"{value:+,.0f}" if abs(value) >= 1000 else f"{value:+.3g}"


def effect(row: pd.Series) -> str:
    """Estimate, unit and interval of one verdict."""
    estimate, low, high = (amount(row[name], row["scale"]) for name in ("estimate", "low", "high"))
    return f"{estimate}{UNITS[row['scale']]} [{low}, {high}]" if row["seeds"] else ""


def remarks(row: pd.Series) -> str:
    """Return the remarks on a verdict: fit, the same against the scale control, and what it takes to decide."""
    if not row["seeds"]:
        return ""
    found = [f"lowest train accuracy {100 * row['train_accuracy']:.2f}%"]
    if not np.isnan(row["against_control"]):
        value, low, high = (amount(row[f"against_control{end}"], row["scale"]) for end in ("", "_low", "_high"))
        found.append(f"against {SCALE_CONTROL}, whose readout is shrunk: {value}{UNITS[row['scale']]} [{low}, {high}]")
    if row["verdict"] == "inconclusive":
        found.append(f"to decide: {_seeds_needed(row['seeds_needed'])}")
    elif row.get("family_wise", row["verdict"]) == "inconclusive":
        found.append("inconclusive when all claims are read together")
    return "; ".join(found)


def explanation(row: pd.Series) -> str:
    """Say what is estimated, and when the claim is supported. A log ratio is shown as a ratio."""
    words = row["statistic"].removeprefix("log ") if row["scale"] == "factor" else row["statistic"]
    border = amount(row["threshold"], row["scale"]).removeprefix("+")
    if row["scale"] in ("percent", "points"):
        border = "0" if row["threshold"] == 0 else border + UNITS[row["scale"]]
    if np.isnan(row["threshold"]):
        return str(words)
    if row["region"] == "above":
        return f"{words}; supported if above {border}"
    if row["scale"] == "factor":
        return f"{words}; supported if between {amount(-row['threshold'], 'factor')} and {border}"
    return f"{words}; supported if within ±{border}"


def plain_text(claims: pd.DataFrame) -> str:
    """Return the verdicts for a terminal."""
    return "\n".join(_lines(row) for _, row in claims.iterrows())


def claims_page(claims: pd.DataFrame, statistics: StatisticsConfig, figures: str | None = None) -> str:
    """Return the verdicts as a small HTML page: verdict first, then the numbers it was read from.

    Args:
        claims: what ``evaluate_claims`` gives.
        statistics: what their intervals were made with.
        figures: the folder of the figures, from that of the page, to link to them; None: they are named.
    """
    shown = pd.DataFrame(
        {
            "claim": claims["claim"],
            "statement": [f"{row['statement']}<small>{explanation(row)}</small>" for _, row in claims.iterrows()],
            "data": claims["dataset"] + ", " + claims["model"],
            "verdict": claims["verdict"],
            f"estimate and {statistics.confidence:.0%} interval": [
                f"{effect(row)}<small>{remarks(row)}</small>" for _, row in claims.iterrows()
            ],
            "seeds": claims["seeds"],
            "figure": [_figure(name, figures) for name in claims["figure"]],
            "why not measured": claims["reason"],
        }
    )
    styled = shown.style.hide(axis="index").map(lambda name: VERDICT_STYLES[name], subset=["verdict"])
    return page(
        "Claims of the papers, decided by these data", INTRODUCTION, styled.to_html(table_uuid="claims"), SCRIPT
    )


def _lines(row: pd.Series) -> str:
    data = f" ({row['dataset']}, {row['model']})" if row["dataset"] else ""
    known = f"{effect(row)}, {row['seeds']} seeds: {explanation(row)}\n  {remarks(row)}"
    return f"claim {row['claim']}{data}: {row['verdict']}\n  {row['statement']}\n  {row['reason'] or known}"


def _seeds_needed(seeds: float) -> str:
    return f"about {seeds:.0f} seeds" if np.isfinite(seeds) else "more test images, or more than 100 seeds"


def _figure(name: str, folder: str | None) -> str:
    return f'<a href="{folder}/fig_{name}.png">fig_{name}</a>' if name and folder else f"fig_{name}" if name else ""


VERDICT_STYLES = {
    "supported": "font-weight: bold; color: #004488",
    "not supported": "font-weight: bold; color: #BB5566",
    "inconclusive": "color: #997700",
    "estimated": "font-weight: bold; color: #222222",
    "not measured": "color: #777777",
}

INTRODUCTION = """<p>A claim is supported if its whole interval lies on the claimed side, not supported if all of it
lies on the other, inconclusive if it covers both. Points are percentage points of accuracy; ratios are in times.</p>"""

# Inside the report the page is a frame beside which there are no figures.
SCRIPT = """<script>
if (window !== window.top) for (const link of [...document.links]) link.replaceWith(link.textContent);
</script>"""

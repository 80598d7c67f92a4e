"""Words of the report: verdicts, what the papers say, captions, the glossary."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from docutils import nodes
from docutils.core import publish_doctree, publish_from_doctree
from docutils.writers.html5_polyglot import Writer
from markupsafe import Markup, escape

from badminima.config.training import SCALE_CONTROL

UNITS = {"percent": "%", "points": " points", "factor": " times", "number": ""}
# Terms that a newcomer may not know; the text links the first use of each to the glossary.
EXPLAINED = (
    *("confusing set", "pretraining", "regularizer", "recipe", "vanilla", "init", "seed", "cell", "gap", "escape"),
    *("minimum", "fitted", "diverged", "interval", "margin", "verdict", "control", "spread", "dose", "record"),
)


def amount(value: float, scale: str) -> str:
    """Return a statistic as text without its unit; a log ratio as a factor."""
    if np.isnan(value):
        return "-"
    if scale == "factor":
        return f"{np.exp(value):.3g}"
    if scale in ("percent", "points"):
        return f"{100 * value:.2f}" if scale == "percent" else f"{100 * value:+.1f}"
    return f"{value:+,.0f}" if abs(value) >= 1000 else f"{value:+.3g}"


def effect(row: pd.Series, name: str = "estimate", ends: tuple[str, str] = ("low", "high")) -> str:
    """Return estimate, unit and interval of one verdict."""
    value, low, high = (amount(row[column], row["scale"]) for column in (name, *ends))
    return f"{value}{UNITS[row['scale']]} [{low}, {high}]" if row["seeds"] else ""


def remarks(row: pd.Series) -> str:
    """Return remarks on a verdict: fit, scale control, what it takes to decide."""
    if not row["seeds"]:
        return ""
    found = [f"lowest train accuracy {100 * row['train_accuracy']:.2f}%"]
    if not np.isnan(row["against_control"]):
        other = effect(row, "against_control", ("against_control_low", "against_control_high"))
        found.append(f"against {SCALE_CONTROL}, whose readout is shrunk: {other}")
    if row["verdict"] == "inconclusive":
        seeds = row["seeds_needed"]
        needed = f"about {seeds:.0f} seeds" if np.isfinite(seeds) else "more test images, or more than 100 seeds"
        found.append(f"to decide: {needed}")
    elif row.get("family_wise", row["verdict"]) == "inconclusive":
        found.append("inconclusive when all claims are read together")
    return "; ".join(found)


def explanation(row: pd.Series) -> str:
    """Say what is estimated, and when the claim is supported."""
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
    lines = []
    for _, row in claims.iterrows():
        data = f" ({row['dataset']}, {row['model']})" if row["dataset"] else ""
        known = f"{effect(row)}, {row['seeds']} seeds: {explanation(row)}\n  {remarks(row)}"
        lines.append(f"claim {row['claim']}{data}: {row['verdict']}\n  {row['statement']}\n  {row['reason'] or known}")
    return "\n".join(lines)


def glossary(page: Path) -> dict[str, str]:
    """Return each term's meaning, from the tables of the glossary; raises KeyError if the report explains another."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", page.read_text(), re.MULTILINE)
    meanings = {term: meaning.replace("`", "") for term, meaning in rows}
    return {term: meanings[term] for term in EXPLAINED}


def explained(text: str, meanings: Mapping[str, str]) -> Markup:
    """Return a text as HTML; the first use of each term links to its meaning."""
    if not meanings:
        return escape(text)
    found: set[str] = set()

    def link(match: re.Match[str]) -> str:
        term = match[1].lower()
        if term in found:
            return match[0]
        found.add(term)
        html = '<a class="term" href="#term-{}" title="{}">{}</a>'
        return Markup(html).format(anchor(term), meanings[term], match[0])

    longest_first = "|".join(sorted(map(re.escape, meanings), key=len, reverse=True))
    return Markup(re.sub(rf"(?<![\w-])({longest_first})s?(?![\w-])", link, escape(text), flags=re.IGNORECASE))


def caption(page: Path, meanings: Mapping[str, str]) -> Markup:
    """Return a caption as HTML, its terms explained."""
    document = publish_doctree(page.read_text(), settings_overrides={"raw_enabled": False, "report_level": 5})
    for text in list(document.findall(nodes.Text)):
        text.parent.replace(text, nodes.raw("", explained(str(text), meanings), format="html"))
    writer = Writer()
    publish_from_doctree(document, writer=writer)
    return Markup(writer.parts["body"])


def anchor(name: str) -> str:
    """Return a name as the end of an address: ``3a da+m`` is ``3a-da-m``."""
    return re.sub(r"[^\w]+", "-", name)

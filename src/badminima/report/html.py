"""HTML by jinja2: the templates of all pages, a study's summary, the verdicts."""

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from badminima.analysis.tables import StudyTables
from badminima.config import StatisticsConfig
from badminima.report.wording import anchor, effect, explanation, remarks

TEMPLATES = Environment(
    loader=PackageLoader("badminima.report"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
TEMPLATES.filters["anchor"] = anchor
TEMPLATES.globals |= {"effect": effect, "explanation": explanation, "remarks": remarks}
ACCURACIES = {"test_accuracy": "Test accuracy", "train_accuracy": "Train accuracy"}


def render(template: str, **values: object) -> str:
    """Return a page from a template of ``report/templates``; values are escaped."""
    return TEMPLATES.get_template(template).render(values)


def summary_page(tables: StudyTables, question: str) -> str:
    """Return a study's accuracies by recipe and init, and how pretraining went, as HTML."""
    sections = [
        {
            "data": f"{dataset}, {model}",
            "accuracies": {title: _accuracies(cells, statistic) for statistic, title in ACCURACIES.items()},
            "statuses": tables.runs.query("dataset == @dataset and model == @model")["status"].value_counts(),
        }
        for (dataset, model), cells in tables.cells.groupby(["dataset", "model"], sort=False)
    ]
    failures = failed_measurements(tables)
    return render(
        "summary.html", question=question, sections=sections, failures=failures, pretraining=tables.pretraining
    )


def failed_measurements(tables: StudyTables) -> list[str]:
    """Return a line for each diagnostic that failed: in how many runs, and why."""
    if "failed" not in tables.costs:
        return []
    return [
        f"{row['measurement']}: failed in {row['failed']} of {row['made'] + row['skipped'] + row['failed']} runs"
        f" ({row['reasons']})"
        for row in tables.costs.query("failed > 0").to_dict("records")
    ]


def claims_page(claims: pd.DataFrame, statistics: StatisticsConfig, figures: str | None = None) -> str:
    """Return the verdicts as a small page, each with the numbers behind it.

    Args:
        claims: what ``evaluate_claims`` gives.
        statistics: what their intervals were made with.
        figures: the folder of the figures, from that of the page, to link to them; None: they are named.
    """
    rows = [row for _, row in claims.iterrows()]
    return render("claims.html", rows=rows, confidence=f"{statistics.confidence:.0%}", figures=figures)


def _accuracies(cells: pd.DataFrame, statistic: str) -> pd.DataFrame:
    rows = cells[cells["statistic"] == statistic]
    table = rows.assign(text=rows.apply(_cell_text, axis=1)).pivot(index="recipe", columns="init", values="text")
    return table.reindex(index=rows["recipe"].unique(), columns=rows["init"].unique()).reset_index()


def _cell_text(row: pd.Series) -> str:
    if row["diverged"]:
        return f"{row['diverged']} of {row['seeds']} diverged"
    spread = "" if pd.isna(row["sd"]) else f" ± {row['sd'] * 100:.2f}"
    interval = "" if pd.isna(row["low"]) else f" ({row['low'] * 100:.2f} to {row['high'] * 100:.2f})"
    return f"{row['mean'] * 100:.2f}{spread}{interval}"

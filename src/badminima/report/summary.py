"""A study at a glance: accuracies of every cell and how well pretraining went, as an HTML page."""

from html import escape

import pandas as pd

from badminima.analysis.tables import StudyTables
from badminima.report.html import page

STATISTICS = {"test_accuracy": "Test accuracy", "train_accuracy": "Train accuracy"}


def summary_page(tables: StudyTables, question: str) -> str:
    """Mean and standard deviation over seeds in percent, a row per recipe, a column per init; then pretraining."""
    parts = [f"<p>{question}</p>"]
    for (dataset, model), cells in tables.cells.groupby(["dataset", "model"], sort=False):
        for statistic, title in STATISTICS.items():
            parts += [f"<h2>{title} in percent: {dataset}, {model}</h2>", _accuracies(cells, statistic)]
        outcomes = tables.runs.query("dataset == @dataset and model == @model")["status"].value_counts()
        parts.append("<p>Runs by status: " + ", ".join(f"{status} {n}" for status, n in outcomes.items()) + ".</p>")
    if failures := failed_measurements(tables):
        parts += ["<h2>Measurements that failed</h2>", f"<p>{'<br>'.join(map(escape, failures))}</p>"]
    if len(tables.pretraining):
        parts += ["<h2>Adversarial pretraining</h2>", tables.pretraining.to_html(index=False, border=0)]
    return page("Cells of the study", *parts)


def failed_measurements(tables: StudyTables) -> list[str]:
    """Return a line for each diagnostic that failed: in how many runs, and why."""
    if "failed" not in tables.costs:
        return []
    return [
        f"{row['measurement']}: failed in {row['failed']} of {row['made'] + row['skipped'] + row['failed']} runs"
        f" ({row['reasons']})"
        for row in tables.costs.query("failed > 0").to_dict("records")
    ]


def _accuracies(cells: pd.DataFrame, statistic: str) -> str:
    rows = cells[cells["statistic"] == statistic]
    text = rows.apply(_cell_text, axis=1)
    table = rows.assign(text=text).pivot(index="recipe", columns="init", values="text")
    return table.reindex(index=rows["recipe"].unique(), columns=rows["init"].unique()).to_html(border=0)


def _cell_text(row: pd.Series) -> str:
    if row["diverged"]:
        return f"{row['diverged']} of {row['seeds']} diverged"
    spread = "" if pd.isna(row["sd"]) else f" ± {row['sd'] * 100:.2f}"
    interval = "" if pd.isna(row["low"]) else f" ({row['low'] * 100:.2f} to {row['high'] * 100:.2f})"
    return f"{row['mean'] * 100:.2f}{spread}{interval}"

"""The report's first page: the answer, its figure, the claims, and what the numbers were made with.

A piece of HTML that ``report/workflow.rst`` takes in, laid out by ``report/style.css``. Its links speak to Snakemake's
report: they open a figure beside its caption.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

import pandas as pd

from badminima.analysis.tables import RUN_KEYS, StudyTables
from badminima.claims.verdicts import VERDICTS
from badminima.experiment.lineage import with_runs_behind
from badminima.experiment.paths import RECORD, Paths
from badminima.experiment.runs import Run
from badminima.report.facts import OverviewSettings
from badminima.report.wording import UNITS, VERDICT_STYLES, amount, effect, explanation, remarks
from badminima.storage.files import read_json

# The answer: bad minima are reached, they are bad, and regularizers escape them.
HEADLINES = ("1a", "1b", "2")


def overview_page(
    claims: pd.DataFrame, studies: Mapping[str, StudyTables], settings: OverviewSettings, paths: Paths
) -> str:
    """The page.

    Args:
        claims: all verdicts.
        studies: the tables of every study.
        settings: what is shown and said.
        paths: where the figures and the records of the runs lie, by the names that the report gives them.
    """
    facts = {**settings.facts, **_provenance(list(studies.values()), settings, paths)}
    return "\n".join(
        [
            '<div class="overview">',
            f'<div class="top"><div><h2>Answer</h2>{_answer(claims)}</div>{_figure(settings.figure, paths)}</div>',
            f"<h2>Claims</h2>{_table(claims, settings, paths)}{_unmeasured(claims)}",
            f"<h2>Settings and provenance</h2>{_facts(facts)}",
            "</div>",
        ]
    )


def _answer(claims: pd.DataFrame) -> str:
    of_claim = dict(list(claims.groupby("claim", sort=False)))
    items = [
        f"<li>{escape(rows['statement'].iloc[0])}<br>{_verdicts(rows)} {_effects(rows)}</li>"
        for rows in (of_claim[number] for number in HEADLINES)
    ]
    data = claims.loc[claims["dataset"] != "", ["dataset", "model"]].drop_duplicates()
    named = "; ".join(", ".join(pair) for pair in data.itertuples(index=False))
    return f"<p>By these data ({named}):</p><ul>{''.join(items)}</ul><p>All verdicts: {_verdicts(claims)}.</p>"


def _figure(name: str | None, paths: Paths) -> str:
    if name is None:
        return "<p>No figure of the claims' study is configured.</p>"
    path = paths.figure(name, "png")
    picture = f'<img src="data:image/png;base64,{b64encode(path.read_bytes()).decode()}" alt="fig_{name}">'
    caption = f"<figcaption>{_link(path, f'fig_{name} with its caption')}</figcaption>"
    return f"<figure>{_link(path, picture)}{caption}</figure>"


def _table(claims: pd.DataFrame, settings: OverviewSettings, paths: Paths) -> str:
    """A row per claim that was measured, on all data or on some."""
    measured = claims[_is_measured(claims)]
    if measured.empty:
        return "<p>None was measured.</p>"
    interval = f"effect [{settings.statistics.confidence:.0%} interval]"
    head = "".join(f"<th>{name}</th>" for name in ("claim", "", "verdict", interval, "seeds", "shown in"))
    body = "".join(_row(str(number), rows, paths) for number, rows in measured.groupby("claim", sort=False))
    page = _opening(paths.all_verdicts("html"), "the table of all claims", "content:'html'")
    table = f'<table class="claims"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f"<p>{READING} Each verdict, by data and network: {page}.</p>{table}"


def _row(number: str, rows: pd.DataFrame, paths: Paths) -> str:
    first = rows.iloc[0]
    figure = f"fig_{first['figure']}"
    cells = [
        escape(number),
        f"{escape(first['statement'])}<small>{explanation(first)}</small>",
        *(_verdicts(rows), _effects(rows)),
        " or ".join(str(seeds) for seeds in sorted(rows["seeds"].unique()) if seeds),
        _link(paths.figure(first["figure"], "png"), figure) if first["figure"] else "",
    ]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _unmeasured(claims: pd.DataFrame) -> str:
    """The claims without any verdict, by reason."""
    rows = claims[~_is_measured(claims)]
    if rows.empty:
        return ""
    reasons = rows.groupby("reason", sort=False)["claim"].unique()
    items = [f"<li>{escape(', '.join(numbers))}: {escape(str(reason))}</li>" for reason, numbers in reasons.items()]
    return f'<p>Not measured by these results:</p><ul class="reasons">{"".join(items)}</ul>'


def _is_measured(claims: pd.DataFrame) -> pd.Series:
    """Whether each row is of a claim that was measured somewhere, ``[rows] bool``."""
    return claims.groupby("claim")["seeds"].transform("max") > 0


def _verdicts(rows: pd.DataFrame) -> str:
    """The verdict; of several, how often each."""
    counts = Counter(rows["verdict"])
    return ", ".join(
        f'<span style="{VERDICT_STYLES[kind]}">{kind}{f" {counts[kind]}" if len(rows) > 1 else ""}</span>'
        for kind in VERDICTS
        if counts[kind]
    )


def _effects(rows: pd.DataFrame) -> str:
    """Estimate and interval; over several data sets and networks, the median of the estimates and their range."""
    rows = rows[rows["seeds"] > 0]
    if len(rows) < 2:
        return "".join(f"{effect(row)}<small>{remarks(row)}</small>" for _, row in rows.iterrows())
    scale = rows["scale"].iloc[0]
    median, low, high = (amount(float(rows["estimate"].quantile(share)), scale) for share in (0.5, 0, 1))
    return f"median {median}{UNITS[scale]}, from {low} to {high}"


def _link(path: Path, shown: str) -> str:
    """A link to a figure: the report opens it, and its caption beside it."""
    return _opening(path, shown, "navbarMode:'resultinfo',category:'Figures',subcategory:'Other',content:'img'")


def _opening(path: Path, shown: str, view: str) -> str:
    """A link that sets a view of the report and opens one of its results; it does nothing where that is missing."""
    show = f"app.setView({{{view},resultPath:p,contentPath:results[p].data_uri}})"
    script = f"const p='{path.as_posix()}';if(p in results){show}"
    return f'<a href="#" onclick="{escape(script)};return false">{shown}</a>'


def _provenance(studies: list[StudyTables], settings: OverviewSettings, paths: Paths) -> dict[str, str]:
    """Statuses, devices, code and versions of all runs and of those behind their starts, each once."""
    tabled = pd.concat([tables.runs[RUN_KEYS] for tables in studies]).drop_duplicates()
    runs = with_runs_behind(settings.ends, [Run(*keys) for keys in tabled.itertuples(index=False)])
    records = [read_json(paths.run(run) / RECORD) for run in runs]
    behind = f" (of which {len(runs) - len(tabled)} only to start others from)" if len(runs) > len(tabled) else ""
    pretraining = pd.concat([tables.pretraining for tables in studies])
    pretraining = pretraining.drop_duplicates(["dataset", "model", "init", "seed"])
    versions = [{"python": record["python"], **record["versions"]} for record in records]
    return {
        "Runs": f"{len(runs)}{behind}: {_of_all(records, 'status')}",
        "Pretrainings": f"{len(pretraining)}: {_counted(pretraining['status'])}" if len(pretraining) else "none",
        "Seeds": ", ".join(str(seed) for seed in sorted(tabled["seed"].unique())),
        "Accuracies on": _of_all(records, "evaluated_on"),
        "Device": _of_all(records, "device"),
        "Precision": _of_all(records, "precision"),
        "Versions": _counted(", ".join(f"{name} {value}" for name, value in of_run.items()) for of_run in versions),
        "Code revision": _of_all(records, "revision"),
    }


def _of_all(records: Iterable[Mapping[str, object]], key: str) -> str:
    """Return the values of a key in the records; of several, how often each."""
    return _counted(record[key] or "unknown" for record in records)


def _counted(values: Iterable[object]) -> str:
    """Each value; of several, how often."""
    counts = Counter(str(value) for value in values)
    return "; ".join(f"{value} ({count})" if len(counts) > 1 else value for value, count in counts.most_common())


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in facts.items())
    return f'<table class="facts"><tbody>{rows}</tbody></table>'


READING = """A claim is supported if its whole interval lies on the claimed side, not supported if all of it lies on the
other, inconclusive if it covers both. Points are percentage points of accuracy."""

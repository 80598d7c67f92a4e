"""Stage ``report``: one page for readers, which holds everything that it shows.

The captions lie in ``report/`` of the repository; the page loads nothing and runs nothing.
"""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from shlex import join
from typing import Any

import pandas as pd

from badminima.analysis.claims import CLAIMS, GROUPS, Claim
from badminima.analysis.claims.evidence import toy_tables
from badminima.analysis.tables import RUN_KEYS, StudyTables
from badminima.data.prepared import read_prepared, repeated_images
from badminima.experiment.paths import RECORD, Paths
from badminima.experiment.runs import Run, with_runs_behind
from badminima.report import wording
from badminima.report.figures.style import init_label, recipe_label
from badminima.report.html import render
from badminima.report.settings import ReportFigure, ReportSettings
from badminima.storage.files import read_json

# Figures are drawn for print; on a screen the same letters are read from farther away.
PIXELS_PER_POINT = 1.75
# The claims that answer the question of the page.
ANSWERS = ("1b", "2")
# Figures that no study is drawn for.
QUESTIONS = {
    "confusing": "What does a pretraining have to fit?",
    "toy": "What do the boundaries of the toy look like, and how do they escape?",
    "toy_mechanism": "What changes on the way out of the toy's bad minima?",
}
# What the template shows of a claim or a figure, by name.
Shown = dict[str, Any]


def report_page(
    claims: pd.DataFrame,
    studies: Mapping[str, StudyTables],
    settings: ReportSettings,
    paths: Paths,
    captions: Path,
    meanings: Mapping[str, str],
) -> str:
    """Return the report as HTML.

    Args:
        claims: all verdicts.
        studies: the tables of every study.
        settings: what is shown and said.
        paths: where figures, records of runs and the toy lie.
        captions: their folder.
        meanings: of the terms that the page explains.
    """
    shown = _claims(claims, studies, settings, paths)
    measured = [one for one in shown if one["is_measured"]]
    figures = _figures(measured, settings, paths, captions, meanings)
    groups = {group: [one for one in measured if one["claim"].group == group] for group in GROUPS}
    missing: dict[str, list[str]] = {}
    for one in shown:
        if not one["is_measured"]:
            missing.setdefault(one["findings"][0]["reason"], []).append(one["claim"].number)
    data = claims.loc[claims["dataset"] != "", ["dataset", "model"]].drop_duplicates()
    return render(
        "report.html",
        verdicts={number: _answer(claims, number) for number in ANSWERS},
        data="; ".join(map(", ".join, data.itertuples(index=False, name=None))),
        headline=figures.pop(settings.headline or "", None),
        key_claims=[one for one in shown if one["claim"].number in ANSWERS],
        groups={group: found for group, found in groups.items() if found},
        missing=missing,
        confusing=figures.pop("confusing", None),
        toy=figures.pop("toy", None),
        figures=list(figures.values()),
        facts={**settings.facts, **_made_with(list(studies.values()), settings, paths)},
        confidence=f"{settings.statistics.confidence:.0%}",
        meanings=meanings,
        explained=partial(wording.explained, meanings=meanings),
        make=partial(_command, settings.overlays),
    )


def _claims(
    claims: pd.DataFrame, studies: Mapping[str, StudyTables], settings: ReportSettings, paths: Paths
) -> list[Shown]:
    """Return every claim with its verdicts, and what they are estimated from."""
    runs = {role: studies[study].runs for role, study in settings.claims.items()}
    if settings.toy:
        runs["toy"] = toy_tables(pd.read_csv(paths.toy("toy.csv"))).runs
    by_number = {claim.number: claim for claim in CLAIMS}
    shown = []
    for number, rows in claims.groupby("claim", sort=False):
        claim = by_number[str(number)]
        about: Shown = {"claim": claim, "findings": [row for _, row in rows.iterrows()], "seeds": pd.DataFrame()}
        about["is_measured"] = rows["seeds"].max() > 0
        if claim.study in runs and about["is_measured"]:
            about["measured"], about["seeds"] = seeds_of_claim(claim, runs[claim.study], settings.replications)
        shown.append(about)
    return shown


def seeds_of_claim(claim: Claim, runs: pd.DataFrame, replications: Mapping[str, int]) -> tuple[str, pd.DataFrame]:
    """Return what a claim is estimated from: its name, and a row per seed with a column per cell.

    Args:
        claim: the claim.
        runs: of its study.
        replications: the inits of claim 6.
    """
    if claim.column.endswith("_"):
        name, values = f"{claim.column}, mean over strengths", runs.filter(regex=f"^{claim.column}").mean(axis=1)
    elif claim.column:
        name, values = claim.column, runs[claim.column]
    else:
        part = "train" if claim.estimator == "train_accuracy" else "test"
        name, values = f"{part} accuracy in percent", 100 * runs[f"{part}_accuracy"]
    by_cell = {
        cell: rows["value"]
        for cell, rows in runs[RUN_KEYS].assign(value=values).set_index(RUN_KEYS).groupby(["init", "recipe"])
    }
    columns = {
        f"{init_label(init)}, {recipe_label(recipe)}": by_cell[init, recipe].droplevel(["init", "recipe"])
        for init, recipe in dict.fromkeys(claim.cells_among(replications))
        if (init, recipe) in by_cell
    }
    return name, pd.DataFrame(columns).reset_index()


def _figures(
    claims: Sequence[Shown], settings: ReportSettings, paths: Paths, captions: Path, meanings: Mapping[str, str]
) -> dict[str, Shown]:
    """Return every figure by name, those that no study is drawn for last."""
    figures = dict(settings.figures)
    own = ["confusing"] * settings.confusing + ["toy", "toy_mechanism"] * settings.toy
    figures |= {name: ReportFigure(kind=name, question=QUESTIONS[name], study="") for name in own}
    shown = {}
    for name, about in figures.items():
        picture = paths.figure(name, "svg").read_bytes()
        table = paths.figure(name, "csv")
        width = re.search(rb'<svg[^>]* width="([\d.]+)pt"', picture)
        assert width is not None, "matplotlib writes the width of a picture in points"
        shown[name] = {
            "name": name,
            "about": about,
            "picture": _address("image/svg+xml", picture),
            "width": round(float(width[1]) * PIXELS_PER_POINT),
            "caption": wording.caption(captions / f"fig_{about.kind}.rst", meanings),
            "data": _address("text/csv", table.read_bytes()),
            "seeds": _seeds_of_figure(pd.read_csv(table)),
            "claims": [one for one in claims if one["findings"][0]["figure"] == name],
            "animation": _address("image/gif", paths.animation("toy").read_bytes()) if name == "toy" else "",
        }
    return shown


def _seeds_of_figure(shown: pd.DataFrame) -> pd.DataFrame:
    """Return the seeds in a figure's table, a column per seed; empty if it has none."""
    if not {"kind", "seed", "value"} <= set(shown):
        return pd.DataFrame()
    seeds = shown[shown["kind"] == "seed"].dropna(subset=["value"])
    keys = [name for name in ("dataset", "model", "statistic", "init", "recipe") if name in seeds]
    wide = seeds.pivot_table(index=keys, columns="seed", values="value", sort=False)
    return wide.rename(columns=lambda seed: f"seed {seed:.0f}").reset_index()


def _answer(claims: pd.DataFrame, number: str) -> tuple[str, bool]:
    """Return a claim's verdict on all data, empty if it is open; and whether it does not survive Holm's correction."""
    rows = claims[claims["claim"] == number]
    verdicts = rows["verdict"].unique()
    if len(verdicts) != 1 or verdicts[0] not in ("supported", "not supported"):
        return "", False
    return verdicts[0], "inconclusive" in set(rows.get("family_wise", ()))


def _made_with(studies: Sequence[StudyTables], settings: ReportSettings, paths: Paths) -> dict[str, str]:
    """Return statuses, devices, versions and code of all runs and the runs behind them."""
    tabled = pd.concat([tables.runs[RUN_KEYS] for tables in studies]).drop_duplicates()
    runs = with_runs_behind(settings.ends, [Run(*keys) for keys in tabled.itertuples(index=False)])
    records = [read_json(paths.run(run) / RECORD) for run in runs]
    behind = f" (of which {len(runs) - len(tabled)} only to start others from)" if len(runs) > len(tabled) else ""
    pretraining = pd.concat([tables.pretraining for tables in studies])
    pretraining = pretraining.drop_duplicates(["dataset", "model", "init", "seed"])
    versions = [{"python": record["python"], **record["versions"]} for record in records]
    prepared = [path for name in sorted(set(tabled["dataset"])) if (path := paths.prepared(name)).exists()]
    repeated = [f"{path.stem}: {repeated_images(read_prepared(path))}" for path in prepared]
    return {
        "Runs": f"{len(runs)}{behind}: {_of_all(records, 'status')}",
        "Pretrainings": f"{len(pretraining)}: {_counted(pretraining['status'])}" if len(pretraining) else "none",
        "Seeds": ", ".join(str(seed) for seed in sorted(tabled["seed"].unique())),
        "Accuracies on": _of_all(records, "evaluated_on"),
        **({"Images in both parts": "; ".join(repeated)} if repeated else {}),
        "Device": _of_all(records, "device"),
        "Precision": _of_all(records, "precision"),
        "Versions": _counted(", ".join(f"{name} {value}" for name, value in of_run.items()) for of_run in versions),
        "Code revision": _of_all(records, "revision"),
    }


def _of_all(records: Iterable[Mapping[str, object]], key: str) -> str:
    """Return the values of a key in the records; of several, how often each."""
    return _counted(record[key] or "unknown" for record in records)


def _counted(values: Iterable[object]) -> str:
    """Return each value; of several, how often."""
    counts = Counter(str(value) for value in values)
    return "; ".join(f"{value} ({count})" if len(counts) > 1 else value for value, count in counts.most_common())


def _command(overlays: Sequence[str], *targets: str) -> str:
    """Return the command that makes some targets again."""
    return join(["snakemake", "--cores", "2", *targets, *(["--configfile", *overlays] if overlays else [])])


def _address(kind: str, content: bytes) -> str:
    """Return an address that holds its content, for a page that needs no other file."""
    return f"data:{kind};base64,{b64encode(content).decode()}"

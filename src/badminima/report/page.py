"""Stage ``report``: one page for readers, which holds everything that it shows.

The captions lie in ``report/`` of the repository; the page loads nothing and runs nothing.
"""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import join

import pandas as pd
from markupsafe import Markup

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
# The answer: bad minima are reached, and regularizers escape them.
REACHED, ESCAPED = "1b", "2"
ANSWERS = {
    REACHED: {
        "supported": "Yes: from weights that fit random labels, SGD ends at a minimum that generalizes worse",
        "not supported": "No: SGD from weights that fit random labels does not end at a worse minimum",
        "": "These data do not decide whether SGD ends at a worse minimum from weights that fit random labels",
    },
    ESCAPED: {
        "supported": "With data augmentation, momentum and weight decay it escapes",
        "not supported": "Data augmentation, momentum and weight decay together do not let it escape",
        "": "Whether data augmentation, momentum and weight decay together let it escape is open",
    },
}
# Where a verdict does not survive Holm's correction over all claims.
ALONE = ", if this claim is read alone; corrected for reading all claims together, it is undecided"
CONFUSING_QUESTION = "What does a pretraining have to fit?"
TOY_QUESTIONS = {
    "toy": "What do the boundaries of the toy look like, and how do they escape?",
    "toy_mechanism": "What changes on the way out of the toy's bad minima?",
}


@dataclass(frozen=True)
class ShownClaim:
    """A claim as the page shows it.

    Attributes:
        claim: its definition.
        findings: its verdicts, rows of ``claims.csv``.
        measured: name of the number that it is estimated from.
        seeds: what it is estimated from, a row per seed.
    """

    claim: Claim
    findings: list[pd.Series]
    measured: str
    seeds: pd.DataFrame

    @property
    def is_measured(self) -> bool:
        """Tell whether some data decide it."""
        return any(finding["seeds"] for finding in self.findings)


@dataclass(frozen=True)
class ShownFigure:
    """A figure as the page shows it; picture and table are data addresses."""

    name: str
    about: ReportFigure
    picture: str
    width: int
    caption: Markup
    data: str
    seeds: pd.DataFrame
    claims: list[ShownClaim]
    animation: str = ""


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
    figures = _figures(shown, settings, paths, captions, meanings)
    measured = {group: [one for one in shown if one.is_measured and one.claim.group == group] for group in GROUPS}
    missing: dict[str, list[str]] = {}
    for one in shown:
        if not one.is_measured:
            missing.setdefault(one.findings[0]["reason"], []).append(one.claim.number)
    data = claims.loc[claims["dataset"] != "", ["dataset", "model"]].drop_duplicates()
    return render(
        "report.html",
        answer=" ".join(_answer(claims, number) for number in ANSWERS),
        data="; ".join(map(", ".join, data.itertuples(index=False, name=None))),
        headline=figures.pop(settings.headline or "", None),
        key_claims=[one for one in shown if one.claim.number in ANSWERS],
        groups={group: (*wording.GROUPS[group], found) for group, found in measured.items() if found},
        passages=wording.PASSAGES,
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
) -> list[ShownClaim]:
    runs = {role: studies[study].runs for role, study in settings.claims.items()}
    if settings.toy:
        runs["toy"] = toy_tables(pd.read_csv(paths.toy("toy.csv"))).runs
    by_number = {claim.number: claim for claim in CLAIMS}
    shown = []
    for number, rows in claims.groupby("claim", sort=False):
        claim = by_number[str(number)]
        measured = claim.study in runs and rows["seeds"].max() > 0
        seeds = seeds_of_claim(claim, runs[claim.study], settings.replications) if measured else pd.DataFrame()
        shown.append(ShownClaim(claim, [row for _, row in rows.iterrows()], _measured_by(claim), seeds))
    return shown


def seeds_of_claim(claim: Claim, runs: pd.DataFrame, replications: Mapping[str, int]) -> pd.DataFrame:
    """Return what a claim is estimated from: a row per seed, a column per cell.

    Args:
        claim: the claim.
        runs: of its study.
        replications: the inits of claim 6.
    """
    # A prefix stands for the mean over all strengths of an attack.
    prefix = claim.column.endswith("_")
    named = [name for name in map(str, runs) if name == claim.column or (prefix and name.startswith(claim.column))]
    accuracy = "train_accuracy" if claim.estimator == "fitted" else "test_accuracy"
    values = runs[RUN_KEYS].assign(value=runs[named].mean(axis=1) if named else 100 * runs[accuracy])
    by_cell = {cell: rows["value"] for cell, rows in values.set_index(RUN_KEYS).groupby(["init", "recipe"])}
    columns = {
        f"{init_label(init)}, {recipe_label(recipe)}": by_cell[init, recipe].droplevel(["init", "recipe"])
        for init, recipe in dict.fromkeys(claim.cells_among(replications))
        if (init, recipe) in by_cell
    }
    return pd.DataFrame(columns).reset_index()


def _measured_by(claim: Claim) -> str:
    if claim.column:
        return f"{claim.column}, mean over strengths" if claim.column.endswith("_") else claim.column
    return f"{'train' if claim.estimator == 'fitted' else 'test'} accuracy in percent"


def _figures(
    claims: Sequence[ShownClaim], settings: ReportSettings, paths: Paths, captions: Path, meanings: Mapping[str, str]
) -> dict[str, ShownFigure]:
    """Return every figure by name, those that no study is drawn for last."""
    figures = dict(settings.figures)
    if settings.confusing:
        figures["confusing"] = ReportFigure(kind="confusing", question=CONFUSING_QUESTION, study="")
    if settings.toy:
        figures |= {
            name: ReportFigure(kind=name, question=question, study="") for name, question in TOY_QUESTIONS.items()
        }
    shown = {}
    for name, about in figures.items():
        picture = paths.figure(name, "svg").read_bytes()
        table = paths.figure(name, "csv")
        width = re.search(rb'<svg[^>]* width="([\d.]+)pt"', picture)
        assert width is not None, "matplotlib writes the width of a picture in points"
        resting = [one for one in claims if one.is_measured and one.findings[0]["figure"] == name]
        shown[name] = ShownFigure(
            name=name,
            about=about,
            picture=_address("image/svg+xml", picture),
            width=round(float(width[1]) * PIXELS_PER_POINT),
            caption=wording.caption(captions / f"fig_{about.kind}.rst", meanings),
            data=_address("text/csv", table.read_bytes()),
            seeds=_seeds_of_figure(pd.read_csv(table)),
            claims=resting,
            animation=_address("image/gif", paths.animation("toy").read_bytes()) if name == "toy" else "",
        )
    return shown


def _seeds_of_figure(shown: pd.DataFrame) -> pd.DataFrame:
    """Return the seeds in a figure's table, a column per seed; empty if it has none."""
    if not {"kind", "seed", "value"} <= set(shown):
        return pd.DataFrame()
    seeds = shown[shown["kind"] == "seed"].dropna(subset=["value"])
    keys = [name for name in ("dataset", "model", "statistic", "init", "recipe") if name in seeds]
    wide = seeds.pivot_table(index=keys, columns="seed", values="value", sort=False)
    return wide.rename(columns=lambda seed: f"seed {seed:.0f}").reset_index()


def _answer(claims: pd.DataFrame, number: str) -> str:
    """Return the sentence for a claim's verdict, and whether it holds only by itself."""
    rows = claims[claims["claim"] == number]
    verdicts = set(rows["verdict"])
    if len(verdicts) != 1 or not verdicts < set(ANSWERS[number]):
        return f"{ANSWERS[number]['']}."
    return f"{ANSWERS[number][verdicts.pop()]}{ALONE if 'inconclusive' in set(rows.get('family_wise', ())) else ''}."


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

"""Stage ``report``: one page for readers, which holds everything that it shows.

The template, its style and the captions lie in ``report/`` of the repository; the page loads nothing and runs nothing.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import join

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from badminima.analysis.claims import CLAIMS, GROUPS, Claim
from badminima.analysis.claims.evidence import toy_tables
from badminima.analysis.tables import StudyTables
from badminima.experiment.paths import Paths
from badminima.report import papers
from badminima.report.facts import ReportSettings
from badminima.report.provenance import provenance
from badminima.report.seeds import measured_by, seeds_of_claim, seeds_of_figure
from badminima.report.wording import effect, explanation, remarks
from badminima.report.words import anchor, caption, explained

TEMPLATE = "report.html"
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
class Finding:
    """A claim's verdict on one dataset and network, in words."""

    data: str
    verdict: str
    effect: str
    seeds: int
    remarks: str
    reason: str


@dataclass(frozen=True)
class ShownClaim:
    """A claim as the page shows it.

    Attributes:
        number, statement: of the claim.
        anchor: the end of its address.
        decided_by: what is estimated, and when the claim is supported.
        findings: its verdicts.
        figure: the name of the figure that shows it; empty if none does.
        passage: what its paper says, where that is known.
        measured: what the values of its seeds are.
        seeds: a row per seed.
    """

    number: str
    anchor: str
    statement: str
    decided_by: str
    findings: list[Finding]
    figure: str
    passage: papers.Passage | None
    measured: str
    seeds: pd.DataFrame

    @property
    def is_measured(self) -> bool:
        """Tell whether some data decide it."""
        return any(finding.seeds for finding in self.findings)


@dataclass(frozen=True)
class ShownFigure:
    """A figure as the page shows it: its picture and its table as addresses that hold them."""

    name: str
    anchor: str
    question: str
    study: str
    picture: str
    width: int
    caption: Markup
    data: str
    seeds: pd.DataFrame
    claims: list[ShownClaim]
    target: str
    animation: str = ""


def report_page(
    claims: pd.DataFrame,
    studies: Mapping[str, StudyTables],
    settings: ReportSettings,
    paths: Paths,
    frame: Path,
    meanings: Mapping[str, str],
) -> str:
    """Return the report as HTML.

    Args:
        claims: all verdicts.
        studies: the tables of every study.
        settings: what is shown and said.
        paths: where figures, records of runs and the toy lie.
        frame: the folder of the template and the captions.
        meanings: of the terms that the page explains.
    """
    environment = Environment(
        loader=FileSystemLoader(frame), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters |= {"explained": partial(explained, meanings=meanings), "anchor": anchor}
    shown = _claims(claims, studies, settings, paths)
    figures = _figures(shown, settings, paths, frame, meanings)
    measured = {group: [claim for claim in shown if claim.is_measured and _group(claim) == group] for group in GROUPS}
    return environment.get_template(TEMPLATE).render(
        answer=" ".join(_answer(claims, number) for number in ANSWERS),
        data="; ".join(_data(claims)),
        headline=figures.pop(settings.headline or "", None),
        key_claims=[claim for claim in shown if claim.number in ANSWERS],
        groups={group: (*papers.GROUPS[group], found) for group, found in measured.items() if found},
        missing=_missing(shown),
        confusing=figures.pop("confusing", None),
        toy=figures.pop("toy", None),
        figures=list(figures.values()),
        facts={**settings.facts, **provenance(list(studies.values()), settings, paths)},
        confidence=f"{settings.statistics.confidence:.0%}",
        meanings=meanings,
        make=partial(_command, settings.overlays),
    )


def _claims(
    claims: pd.DataFrame, studies: Mapping[str, StudyTables], settings: ReportSettings, paths: Paths
) -> list[ShownClaim]:
    runs = {role: studies[study].runs for role, study in settings.claims.items()}
    if settings.toy:
        runs["toy"] = toy_tables(pd.read_csv(paths.toy_table)).runs
    by_number = {claim.number: claim for claim in CLAIMS}
    return [
        _claim(by_number[str(number)], rows, runs.get(by_number[str(number)].study), settings)
        for number, rows in claims.groupby("claim", sort=False)
    ]


def _claim(claim: Claim, rows: pd.DataFrame, runs: pd.DataFrame | None, settings: ReportSettings) -> ShownClaim:
    first = rows.iloc[0]
    measured = runs is not None and bool(rows["seeds"].max())
    return ShownClaim(
        number=claim.number,
        anchor=f"claim-{anchor(claim.number)}",
        statement=claim.statement,
        decided_by=explanation(first),
        findings=[
            Finding(
                data=", ".join(filter(None, (row["dataset"], row["model"]))),
                verdict=row["verdict"],
                effect=effect(row),
                seeds=int(row["seeds"]),
                remarks=remarks(row),
                reason=row["reason"],
            )
            for _, row in rows.iterrows()
        ],
        figure=first["figure"],
        passage=papers.PASSAGES.get(claim.number),
        measured=measured_by(claim),
        seeds=seeds_of_claim(claim, runs, settings.replications) if measured and runs is not None else pd.DataFrame(),
    )


def _figures(
    claims: Sequence[ShownClaim], settings: ReportSettings, paths: Paths, frame: Path, meanings: Mapping[str, str]
) -> dict[str, ShownFigure]:
    """Return every figure by name, those that no study is drawn for last."""
    kinds = {name: (figure.kind, figure.question, figure.study) for name, figure in settings.figures.items()}
    if settings.confusing:
        kinds["confusing"] = ("confusing", CONFUSING_QUESTION, "")
    if settings.toy:
        kinds |= {name: (name, question, "") for name, question in TOY_QUESTIONS.items()}
    shown = {}
    for name, (kind, question, study) in kinds.items():
        picture = paths.figure(name, "svg").read_bytes()
        table = paths.figure(name, "csv")
        width = re.search(rb'<svg[^>]* width="([\d.]+)pt"', picture)
        assert width is not None, "matplotlib writes the width of a picture in points"
        shown[name] = ShownFigure(
            name=name,
            anchor=f"fig-{anchor(name)}",
            question=question,
            study=study,
            picture=_address("image/svg+xml", picture),
            width=round(float(width[1]) * PIXELS_PER_POINT),
            caption=caption(frame / f"fig_{kind}.rst", meanings),
            data=_address("text/csv", table.read_bytes()),
            seeds=seeds_of_figure(pd.read_csv(table)),
            claims=[claim for claim in claims if claim.figure == name and claim.is_measured],
            target=f"fig_{name}",
            animation=_address("image/gif", paths.animation("toy").read_bytes()) if name == "toy" else "",
        )
    return shown


def _answer(claims: pd.DataFrame, number: str) -> str:
    """Return the sentence for a claim's verdict, if it is the same on all data; it says where that holds alone."""
    rows = claims[claims["claim"] == number]
    verdicts = set(rows["verdict"])
    if len(verdicts) != 1 or not verdicts < set(ANSWERS[number]):
        return f"{ANSWERS[number]['']}."
    return f"{ANSWERS[number][verdicts.pop()]}{ALONE if 'inconclusive' in set(rows.get('family_wise', ())) else ''}."


def _data(claims: pd.DataFrame) -> list[str]:
    found = claims.loc[claims["dataset"] != "", ["dataset", "model"]].drop_duplicates()
    return [", ".join(pair) for pair in found.itertuples(index=False, name=None)]


def _group(claim: ShownClaim) -> str:
    return next(group for group in sorted(GROUPS, key=len, reverse=True) if claim.number.startswith(group))


def _missing(claims: Sequence[ShownClaim]) -> dict[str, list[ShownClaim]]:
    """Return the claims that no data decide, by reason."""
    missing: dict[str, list[ShownClaim]] = {}
    for claim in claims:
        if not claim.is_measured:
            missing.setdefault(claim.findings[0].reason, []).append(claim)
    return missing


def _command(overlays: Sequence[str], *targets: str) -> str:
    """Return the command that makes some targets again."""
    return join(["snakemake", "--cores", "2", *targets, *(["--configfile", *overlays] if overlays else [])])


def _address(kind: str, content: bytes) -> str:
    """Return an address that holds its content, for a page that needs no other file."""
    return f"data:{kind};base64,{b64encode(content).decode()}"

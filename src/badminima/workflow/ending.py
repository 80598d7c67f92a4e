"""Say at the end of a call what it has made: the verdicts, and where there is something to read."""

import csv
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from badminima.experiment.paths import SUMMARY, Paths

# Verdicts that say something, in the order in which they are counted; others come last.
DECIDED = ("supported", "not supported", "inconclusive", "estimated")


def ending(made: Collection[Path], paths: Paths) -> list[str]:
    """Return a line for each kind of result among some files, the verdicts counted and the report last.

    Args:
        made: files that are there, under ``paths.results``.
        paths: where everything lies.
    """
    figures = sorted({path.parent for path in made if path.suffix == ".png"})
    studies = sorted({path.parent for path in made if path.name == SUMMARY and path.parent.parent.name == "tables"})
    claims = [path for path in made if path.suffix == ".html" and path.parent.name == "claims"]
    whole = paths.all_verdicts("html")
    lines = [("figures", f"{folder}/") for folder in figures]
    lines += [("tables", f"{folder}/") for folder in studies]
    lines += [("claims", str(path)) for path in sorted(claims)]
    if whole in made:
        lines += [("claims", str(whole)), ("", counted_verdicts(paths.all_verdicts("csv")))]
    pages = (paths.page("provenance"), paths.zoo, paths.page("explore"), paths.page("report"))
    lines += [(path.stem, str(path)) for path in pages if path in made]
    return [f"{name:<10}  {text}" for name, text in lines]


def counted_verdicts(table: Path) -> str:
    """Return how many rows of a table of verdicts have each verdict."""
    with table.open(newline="", encoding="utf-8") as lines:
        found = Counter(row["verdict"] for row in csv.DictReader(lines))
    order = [*(verdict for verdict in DECIDED if verdict in found), *sorted(found.keys() - set(DECIDED))]
    return ", ".join(f"{found[verdict]} {verdict}" for verdict in order)

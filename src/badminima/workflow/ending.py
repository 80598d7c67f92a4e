"""Say at the end of a call what it has made: the verdicts, and where there is something to read."""

import csv
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from badminima.experiment.paths import RECORD, SUMMARY, Paths
from badminima.storage.files import read_json

# Verdicts that say something, in the order in which they are counted; others come last.
DECIDED = ("supported", "not supported", "inconclusive", "estimated")
# Lines of one kind.
SHOWN = 5


def ending(made: Collection[Path], paths: Paths) -> list[str]:
    """Return a line for each kind of result among some files, the verdicts counted and the report last.

    First those pretrainings that did not reach their target: what starts from them starts from no such minimum.

    Args:
        made: files that are there, under ``paths.results``.
        paths: where everything lies.
    """
    figures = sorted({path.parent for path in made if path.suffix == ".png"})
    studies = sorted({path.parent for path in made if path.name == SUMMARY and path.parent.parent.name == "tables"})
    claims = [path for path in made if path.suffix == ".html" and path.parent.name == "claims"]
    whole = paths.all_verdicts("html")
    lines = [("not fitted", text) for text in unfitted(made, paths)]
    lines += [("figures", f"{folder}/") for folder in figures]
    lines += [("tables", f"{folder}/") for folder in studies]
    lines += [("claims", str(path)) for path in sorted(claims)]
    if whole in made:
        lines += [("claims", str(whole)), ("", counted_verdicts(paths.all_verdicts("csv")))]
    pages = (paths.page("provenance"), paths.zoo, paths.page("explore"), paths.page("report"))
    lines += [(path.stem, str(path)) for path in pages if path in made]
    return [f"{name:<10}  {text}" for name, text in lines]


def unfitted(made: Collection[Path], paths: Paths) -> list[str]:
    """Return a line for each of the first pretrainings among some files that missed their target, and their number.

    Those of confusing sets that no network can fit are left out.
    """
    lines = []
    for path in sorted(path for path in made if path.name == RECORD and paths.inits in path.parents):
        record = read_json(path)
        can_fit = (record.get("confusing") or {}).get("reachable_accuracy", 1) == 1
        if can_fit and record["status"] != "converged":
            lines.append(f"{path.parent}/: {record['final']['train_accuracy']:.2%} of its items ({record['status']})")
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return lines[:SHOWN] + more


def counted_verdicts(table: Path) -> str:
    """Return how many rows of a table of verdicts have each verdict."""
    with table.open(newline="", encoding="utf-8") as lines:
        found = Counter(row["verdict"] for row in csv.DictReader(lines))
    order = [*(verdict for verdict in DECIDED if verdict in found), *sorted(found.keys() - set(DECIDED))]
    return ", ".join(f"{found[verdict]} {verdict}" for verdict in order)

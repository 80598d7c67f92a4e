"""Say at the end of a call what it has made: the verdicts, and where there is something to read."""

import csv
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from badminima.experiment.paths import RECORD, SUMMARY, Paths
from badminima.storage.files import read_json

# Lines of one kind.
SHOWN = 5


def ending(made: Collection[Path], paths: Paths) -> list[str]:
    """Return a line for each kind of result among some files, the verdicts counted and the report last.

    First those pretrainings that did not reach their target: what starts from them starts from no such minimum.

    Args:
        made: files that are there, under ``paths.results``.
        paths: where everything lies.
    """
    found = sorted(made)
    lines = [("not fitted", text) for text in unfitted(made, paths)]
    lines += [("figures", f"{folder}/") for folder in sorted({path.parent for path in found if path.suffix == ".png"})]
    lines += [("tables", f"{path.parent}/") for path in found if path.match(f"tables/*/{SUMMARY}")]
    lines += [("claims", str(path)) for path in found if path.match("claims/*.html")]
    if paths.all_verdicts("html") in made:
        with paths.all_verdicts("csv").open(newline="", encoding="utf-8") as table:
            verdicts = Counter(row["verdict"] for row in csv.DictReader(table))
        counted = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
        lines += [("claims", str(paths.all_verdicts("html"))), ("", counted)]
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
    return lines if len(lines) <= SHOWN else [*lines[:SHOWN], f"and {len(lines) - SHOWN} more"]

"""Meanings of the columns of ``runs.csv`` and ``histories.csv``: ``columns.csv`` is the one place with their names.

A star there stands for the rest of a name: the strength of an attack, the number of an eigenvalue.

The definitions, with formulas and sources, are the docstrings of ``badminima.diagnostics``.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from badminima.experiment.measured import is_uncertainty


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        label: its short name for readers.
        meaning: what it holds.
        unit: its unit; ``fraction`` is of 1, ``log`` a natural logarithm; empty for text and plain numbers.
    """

    label: str
    meaning: str
    unit: str = ""

    @property
    def is_fraction(self) -> bool:
        """Tell whether it lies between 0 and 1."""
        return self.unit == "fraction"


FILE = Path(__file__).with_name("columns.csv")
KNOWN = {row.pop("name"): Column(**row) for row in csv.DictReader(FILE.read_text(encoding="utf-8").splitlines())}


def described(name: str) -> Column:
    """Return what a column means; one that nobody has described is called by its name.

    >>> described("robustness.fgsm_8").label
    'FGSM, 8/255'
    >>> described("sharpness.trace_se").meaning
    'standard error of sharpness.trace over random draws'
    """
    if name in KNOWN:
        return KNOWN[name]
    if is_uncertainty(name):
        of, _, end = name.rpartition("_")
        words = {"se": "standard error of {} over random draws", "low": "lower end of {}'s interval"}
        meaning = words.get(end, "upper end of {}'s interval").format(of)
        return Column(f"{described(of).label}, {end}", meaning, described(of).unit)
    for pattern, column in KNOWN.items():
        start, star, _ = pattern.partition("*")
        if star and name.startswith(start):
            label, meaning = (text.replace("*", name.removeprefix(start)) for text in (column.label, column.meaning))
            return Column(label, meaning, column.unit)
    return Column(name.replace("_", " "), "")

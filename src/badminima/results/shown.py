"""Things to look at in a results folder: a figure with its numbers, and what the columns of a table mean."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from badminima.analysis.columns import described
from badminima.errors import UserError
from badminima.experiment.paths import Paths
from badminima.results.lookup import listed


@dataclass(frozen=True)
class SavedFigure:
    """A figure on disk; a notebook draws it.

    Attributes:
        name: its name in the config.
        svg, png, pdf: its files.
        csv: the file of exactly what it shows.
    """

    name: str
    svg: Path
    png: Path
    pdf: Path
    csv: Path

    @property
    def data(self) -> pd.DataFrame:
        """Return the table of what it shows."""
        return pd.read_csv(self.csv)

    def __repr__(self) -> str:
        return f"SavedFigure({self.name!r}: {self.svg})"

    def _repr_svg_(self) -> str:
        return self.svg.read_text()


def saved_figure(paths: Paths, name: str) -> SavedFigure:
    """Return a figure by its name or target; raises UserError, with those that there are, if it is not drawn."""
    name = name.removeprefix("fig_")
    files = {extension: paths.figure(name, extension) for extension in ("svg", "png", "pdf", "csv")}
    if not all(file.exists() for file in files.values()):
        folder = files["svg"].parent
        drawn = sorted(file.stem.removeprefix("fig_") for file in folder.glob("fig_*.svg"))
        raise UserError(
            folder, f"no figure {name!r}", f"drawn: {listed(drawn)}{guess(name, drawn)}; or run the target fig_{name}"
        )
    return SavedFigure(name, **files)


def dictionary(columns: Iterable[str]) -> pd.DataFrame:
    """Return what columns mean: a row per column with its label, meaning and unit."""
    found = {name: described(name) for name in columns}
    rows = {name: (column.label, column.meaning, column.unit) for name, column in found.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["label", "meaning", "unit"])
    return table.rename_axis("column")


def guess(name: str, known: Iterable[str]) -> str:
    """Return a question about the known name that is most like a wrong one; empty if none is."""
    close = get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""

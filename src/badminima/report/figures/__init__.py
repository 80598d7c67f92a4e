"""Stage ``figures``: for each kind of figure a function ``draw(tables, settings) -> Drawing``.

- Holds: ``Drawing`` and its writer here; ``style`` (colours, sizes, labels) and ``lines`` (shared); ``panels``, whose
  table has a row per figure of cells; modules of the other kinds, which the registry names; ``confusing``, which is
  drawn from data rather than tables.
- Imports: ``analysis``, ``data``, ``config``, ``experiment``, ``storage``.
- Others use: ``draw_figure``, ``write_drawing``; ``report.tables`` and ``toy`` use ``style``, ``toy`` ``mechanism``.
"""

import textwrap
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from badminima.analysis.tables import StudyTables
from badminima.config.registry import FIGURES
from badminima.experiment.settings import FigureSettings
from badminima.report.figures.style import set_style
from badminima.storage.files import atomic_path

DPI = 200


@dataclass(frozen=True)
class Drawing:
    """A figure and the table of exactly what it shows; panels in which nothing is drawn are hidden."""

    figure: Figure
    shown: pd.DataFrame

    def __post_init__(self) -> None:
        for axes in self.figure.axes:
            axes.set_visible(axes.has_data())


def nothing_to_draw(reason: str, shown: pd.DataFrame) -> Drawing:
    """Return a figure that says why it is empty, so that the other figures are drawn."""
    figure = Figure(figsize=(3.4, 1.2))
    figure.text(0.5, 0.5, "\n".join(textwrap.wrap(reason, 50)), ha="center", va="center", fontsize=8)
    return Drawing(figure, shown)


def draw_figure(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw the figure that the settings name; raises UserError for an unknown kind."""
    set_style()
    drawing: Drawing = FIGURES.load(settings.kind)(tables, settings)
    return drawing


def write_drawing(drawing: Drawing, pdf: Path, png: Path, svg: Path, csv: Path) -> None:
    """Write a figure as PDF, PNG and SVG, and what it shows as CSV."""
    with atomic_path(csv) as temporary:
        drawing.shown.to_csv(temporary, index=False)
    # No creation date: the same data give the same bytes.
    with atomic_path(pdf) as temporary:
        drawing.figure.savefig(temporary, metadata={"CreationDate": None})
    with atomic_path(png) as temporary:
        drawing.figure.savefig(temporary, dpi=DPI)
    # Nor names drawn at random; letters as outlines, so that it looks the same wherever it is shown.
    with atomic_path(svg) as temporary, mpl.rc_context({"svg.hashsalt": "badminima", "svg.fonttype": "path"}):
        drawing.figure.savefig(temporary, metadata={"Date": None})

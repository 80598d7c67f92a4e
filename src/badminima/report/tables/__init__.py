"""Stage ``tables``: for each kind of table a function ``make(tables, settings) -> PaperTable``.

- Holds: ``PaperTable`` and its writer here; ``cells`` (tables of accuracies, and what they share); ``seed_parts``.
- Imports: ``analysis``, ``config``, ``experiment``, ``figures.style``, ``report.html``, ``storage``.
- Others use: ``make_table``, ``write_table``.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup
from pandas.io.formats.style import Styler

from badminima.analysis.tables import StudyTables
from badminima.config.registry import TABLES
from badminima.experiment.settings import TableSettings
from badminima.report.html import render
from badminima.storage.files import atomic_path, write_text

# What LaTeX reads as commands, as the characters themselves.
LATEX = str.maketrans({character: rf"\{character}" for character in "%&$#_{}"} | {"~": r"\textasciitilde{}"})
MINUS = {"latex": "$-$", "html": "&minus;"}
SMALL = {"latex": "scriptsize:--rwrap", "html": "font-size: smaller; color: #555555"}
HEADER = "% \\input this in a document that has \\usepackage{booktabs}.\n"
# Two inits and two recipes fit the column of a plain article.
COMPACT = "\\centering\n\\footnotesize\n\\setlength{\\tabcolsep}{3pt}\n"


@dataclass(frozen=True)
class Block:
    """One table with a caption of its own.

    Attributes:
        label: what tells it from the others of its kind; empty where there is one only.
        caption: what it shows, in plain text.
        text: its cells as text; the last level of the index tells the lines of a row apart and is not shown.
    """

    label: str
    caption: str
    text: pd.DataFrame


@dataclass(frozen=True)
class PaperTable:
    """A table for a paper: blocks that share a note, and the numbers in them.

    Attributes:
        name: the entry's name.
        blocks: what is printed.
        note: how many seeds, what the intervals are, and where the numbers come from, in plain text.
        shown: the numbers, one row per cell and statistic; accuracies and their differences are fractions.
    """

    name: str
    blocks: list[Block]
    note: str
    shown: pd.DataFrame


def make_table(tables: StudyTables, settings: TableSettings) -> PaperTable:
    """Make the table that the settings name; raises UserError for an unknown kind."""
    table: PaperTable = TABLES.load(settings.kind)(tables, settings)
    return table


def write_table(table: PaperTable, tex: Path, csv: Path, html: Path) -> None:
    """Write a table as LaTeX (for booktabs), CSV and HTML."""
    with atomic_path(csv) as temporary:
        table.shown.to_csv(temporary, index=False)
    write_text(tex, HEADER + "\n".join(_latex(table, block) for block in table.blocks))
    blocks = [(block.caption, _html(table, block)) for block in table.blocks]
    write_text(html, render("table.html", title=f"Table {table.name}", blocks=blocks, note=table.note))


def _latex(table: PaperTable, block: Block) -> str:
    """Return a float with its caption above; the note is part of the caption."""
    index, columns = block.text.index.nlevels - 1, len(block.text.columns)
    latex = _styled(block.text, "latex").to_latex(
        hrules=True,
        caption=f"{block.caption} {table.note}".translate(LATEX),
        label="tab:" + "-".join(filter(None, [table.name, block.label])),
        position="tbp",
        position_float="centering",
        column_format="l" * index + "c" * columns,
        multirow_align="naive",
        multicol_align="c",
    )
    return str(latex).replace("\\centering\n", COMPACT, 1)


def _html(table: PaperTable, block: Block) -> Markup:
    """Return the table as HTML; lines of one cell are not ruled apart."""
    styled = _styled(block.text, "html").map(lambda _: "border: none; padding-bottom: 0")
    return Markup(styled.to_html(table_uuid=block.label or table.name))


def _styled(text: pd.DataFrame, language: str) -> Styler:
    """Return the cells, escaped, all lines but the first of a row in smaller type."""
    lines = text.index.get_level_values(-1)
    styler = text.style.format(lambda cell: str(cell).replace("-", MINUS[language]), escape=language)
    styler = styler.format_index(escape=language, axis=0).format_index(escape=language, axis=1)
    styler = styler.hide(axis="index", level=text.index.nlevels - 1)
    following = text.index[lines != lines[0]]
    return styler.map(lambda cell: SMALL[language] if cell else "", subset=pd.IndexSlice[following, :])

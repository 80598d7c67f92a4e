"""Make one table for a paper from a study's tables.

Args:
    tables: folder of the study's tables.
    tex: output: the table for LaTeX with booktabs.
    csv: output: its numbers.
    html: output: the same, to be read.
"""

from badminima.analysis.tables import read_study
from badminima.cli import Folder, Output, command
from badminima.experiment.settings import TableSettings
from badminima.report.tables import make_table, write_table


@command
def table(tables: Folder, settings: TableSettings, tex: Output, csv: Output, html: Output) -> None:
    write_table(make_table(read_study(tables), settings), tex, csv, html)

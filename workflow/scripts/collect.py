"""Collect a study's runs into tidy tables.

Args:
    results: folder that holds inits/ and runs/.
    tables: output folder: the tables.
"""

import click

from badminima.analysis import tables as studies
from badminima.cli import Folder, command
from badminima.experiment.paths import SUMMARY, Paths
from badminima.experiment.settings import CollectSettings
from badminima.report.html import failed_measurements, summary_page
from badminima.storage.files import write_text


@command
def collect(results: Folder, settings: CollectSettings, tables: Folder) -> None:
    collected = studies.collect(Paths(results), settings)
    studies.write_tables(tables, collected)
    write_text(tables / SUMMARY, summary_page(collected, settings.study.question))
    for line in failed_measurements(collected):
        click.echo(line, err=True)

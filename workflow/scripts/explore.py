"""Write a page to look closer at the runs of each study: point at them, hide inits, choose a measure.

Args:
    results: folder that holds tables/.
    html: output: one page that needs no other file.
"""

from badminima.cli import Folder, Output, command
from badminima.report.explore import explore_page
from badminima.report.settings import ExploreSettings
from badminima.results.results import Results
from badminima.storage.files import write_text


@command
def explore(results: Folder, settings: ExploreSettings, html: Output) -> None:
    found = Results(results)
    write_text(html, explore_page({study: found.tables(study) for study in settings.studies}, settings.studies))

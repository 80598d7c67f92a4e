"""Write the report: answer, figures, claims, settings and provenance on one page.

Args:
    results: folder that holds claims.csv, tables/, figures/, runs/.
    captions: folder of the captions.
    terms: the glossary, as Markdown.
    html: output: one page that needs no other file.
"""

from badminima.cli import Folder, Input, Output, command
from badminima.report.page import report_page
from badminima.report.settings import ReportSettings
from badminima.report.wording import glossary
from badminima.results.results import Results
from badminima.storage.files import write_text


@command
def report(results: Folder, captions: Folder, terms: Input, settings: ReportSettings, html: Output) -> None:
    found = Results(results)
    studies = {study: found.tables(study) for study in settings.studies}
    claims = found.claims.fillna({"reason": "", "figure": "", "dataset": "", "model": ""})
    write_text(html, report_page(claims, studies, settings, found.paths, captions, glossary(terms)))

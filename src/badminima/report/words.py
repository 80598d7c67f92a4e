"""Words of the report: captions and the glossary, each from its one source in the repository."""

import re
from collections.abc import Mapping
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree, publish_from_doctree
from docutils.writers.html5_polyglot import Writer
from markupsafe import Markup, escape

from badminima.errors import UserError

# Terms that a newcomer may not know; the text links the first use of each to the glossary.
EXPLAINED = (
    *("confusing set", "pretraining", "regularizer", "recipe", "vanilla", "init", "seed", "cell", "gap", "escape"),
    *("minimum", "fitted", "diverged", "interval", "margin", "verdict", "control", "spread", "dose", "record"),
)


def glossary(page: Path) -> dict[str, str]:
    """Return each term's meaning, from the tables of the glossary.

    Raises:
        UserError: if a term that the report explains is not in it.
    """
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", page.read_text(), re.MULTILINE)
    meanings = {term: meaning.replace("`", "") for term, meaning in rows if term != "term"}
    for term in EXPLAINED:
        if term not in meanings:
            raise UserError(page, f"no term {term!r}", "the report explains it: put it back, or mend EXPLAINED")
    return {term: meanings[term] for term in EXPLAINED}


def explained(text: str, meanings: Mapping[str, str]) -> Markup:
    """Return a text as HTML in which the first use of each term is linked to its meaning."""
    found: set[str] = set()

    def link(match: re.Match[str]) -> Markup:
        term = match[1].lower()
        if term in found:
            return escape(match[0])
        found.add(term)
        return Markup('<a class="term" href="#term-{}" title="{}">{}</a>').format(
            anchor(term), meanings[term], match[0]
        )

    longest_first = "|".join(sorted(map(re.escape, meanings), key=len, reverse=True))
    pieces, end = [], 0
    for match in re.finditer(rf"(?<![\w-])({longest_first})s?(?![\w-])", text, re.IGNORECASE) if meanings else ():
        pieces += [escape(text[end : match.start()]), link(match)]
        end = match.end()
    return Markup("").join([*pieces, escape(text[end:])])


def caption(page: Path, meanings: Mapping[str, str]) -> Markup:
    """Return a caption as HTML, its terms explained."""
    document = publish_doctree(page.read_text(), settings_overrides={"raw_enabled": False, "report_level": 5})
    for text in list(document.findall(nodes.Text)):
        text.parent.replace(text, nodes.raw("", explained(str(text), meanings), format="html"))
    writer = Writer()
    publish_from_doctree(document, writer=writer)
    return Markup(writer.parts["body"])


def anchor(name: str) -> str:
    """Return a name as the end of an address: ``3a da+m`` is ``3a-da-m``."""
    return re.sub(r"[^\w]+", "-", name)

"""Links from pages to files outside ``docs/``, such as ``../README.md`` or a module.

They work on GitHub as they are. For the site each such file becomes a page of its own, and links follow it there.
"""

import re
from pathlib import Path
from posixpath import dirname, join, normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
OUTSIDE = "repository/"
# [text](path#anchor), where the path is relative.
LINK = re.compile(r"(\[[^\]]*\]\()(?!\w+:|#|/)([^)#\s]+)")
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".smk": "python"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for every file outside ``docs/`` that a page links to."""
    waiting = [f"docs/{file.src_uri}" for file in files.documentation_pages()]
    while waiting:
        path = waiting.pop()
        for link in linked(path):
            if link.startswith("docs/") or files.get_file_from_path(page_of(link)) or not (ROOT / link).is_file():
                continue
            files.append(File.generated(config, page_of(link), content=content_of(link)))
            waiting.append(link)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links at the pages of the site."""
    here = page.file.src_uri
    origin = f"docs/{here}" if not here.startswith(OUTSIDE) else here.removeprefix(OUTSIDE)
    if not (ROOT / origin).is_file():
        return markdown  # the page of a source file

    def moved(match: re.Match[str]) -> str:
        target = page_of(normpath(join(dirname(origin), match[2])))
        return match[1] + relpath(target, dirname(here) or ".")

    return LINK.sub(moved, markdown)


def linked(path: str) -> set[str]:
    """Return the files that a page links to, as paths in the repository; of another file, none."""
    text = (ROOT / path).read_text(encoding="utf-8") if path.endswith(".md") else ""
    return {normpath(join(dirname(path), target)) for _, target in LINK.findall(text)}


def page_of(path: str) -> str:
    """Return the path in the site of a file of the repository."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return OUTSIDE + (path if path.endswith(".md") else f"{path}.md")


def content_of(path: str) -> str:
    """Return the page of a file outside ``docs/``: its own text, or a listing."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.endswith(".md"):
        return text
    return f"# {path}\n\n````{LANGUAGES.get(Path(path).suffix, 'text')}\n{text}\n````\n"

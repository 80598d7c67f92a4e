"""Small HTML pages for the report: tables to be read, beside the CSV files to be used."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 1.5em; }}
table {{ border-collapse: collapse; margin-bottom: 2em; }}
th, td {{ text-align: left; padding: 0.35em 0.8em; border-bottom: 1px solid #ddd; vertical-align: top; }}
small {{ display: block; color: #666; }}
</style></head><body>
<h1>{title}</h1>
{body}
</body></html>
"""


def page(title: str, *parts: str) -> str:
    """Return a page of paragraphs and tables, given as HTML."""
    return PAGE.format(title=title, body="\n".join(parts))

"""A report in a headless browser: what it shows, where its links lead, and what goes wrong."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

# Collects errors from the first script on; then looks at the first page and follows each of its links.
WATCH = """<script>
var found = {errors: [], followed: []};
addEventListener('error', event => found.errors.push(event.message));
</script>"""
FOLLOW = """<script>
const pause = () => new Promise(resolve => setTimeout(resolve, 100));
const links = () => [...document.querySelectorAll('.overview a')];
setTimeout(async () => {
    found.menu = document.querySelector('nav').innerText;
    found.picture = document.querySelector('.overview figure img').naturalWidth;
    found.page = document.querySelector('.overview').innerText;
    const home = {navbarMode: 'menu', content: 'rulegraph'};
    for (let i = 0; i < links().length; i++) {
        const text = links()[i].textContent;
        links()[i].click();
        await pause();
        const shown = document.querySelector('#app img[src^="data:image/png"], #app iframe');
        found.followed.push({
            text: text,
            shown: shown.tagName,
            width: shown.naturalWidth,
            caption: document.querySelector('nav').innerText,
            path: app.state.resultPath,
        });
        app.setView(home);
        await pause();
    }
    document.body.setAttribute('data-found', JSON.stringify(found));
}, 1000);
</script>"""


def in_chromium(page: Path, profile: Path) -> dict:
    """Return what a browser finds in a report; skip the test where there is none."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium")
    html = page.read_text().replace("<body>", f"<body>{WATCH}", 1)
    start, end = html.rsplit("</body>", 1)
    watched = profile / "watched.html"
    watched.write_text(f"{start}{FOLLOW}</body>{end}")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--dump-dom"]
    options += ["--window-size=1400,1000", "--enable-logging=stderr", "--virtual-time-budget=20000"]
    done = subprocess.run(
        [chromium, *options, f"--user-data-dir={profile}", watched.as_uri()], capture_output=True, text=True
    )
    found = re.search(r'data-found="(.*?)"', done.stdout, re.DOTALL)
    assert found is not None, done.stderr
    errors = [line for line in done.stderr.splitlines() if ":CONSOLE" in line and "rror" in line]
    return {**json.loads(unescape(found[1])), "console": errors}

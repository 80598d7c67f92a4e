"""A page in a headless browser: what it shows at three widths and in the dark, and what goes wrong."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

WIDTHS = (390, 768, 1400)
# A page of the same origin, which at each width opens and focuses all that the report has, and follows each link.
HARNESS = """<!doctype html><title>harness</title><body>
<script>
const found = {{}};
const pause = time => new Promise(resolve => setTimeout(resolve, time));
const load = width => new Promise(resolve => {{
    const frame = document.createElement('iframe');
    frame.width = width; frame.height = 900;
    frame.onload = () => resolve(frame);
    frame.src = '{page}';
    document.body.append(frame);
}});
(async () => {{
    for (const width of {widths}) {{
        const frame = await load(width), page = frame.contentDocument, window_ = frame.contentWindow;
        await pause(200);
        page.querySelectorAll('details:not([open]) > summary').forEach(summary => summary.click());
        const pictures = [...page.querySelectorAll('img')];
        const focusable = [...page.querySelectorAll('a[href], summary, [tabindex="0"]')];
        const lost = [];
        for (const element of focusable) {{
            element.focus();
            if (page.activeElement !== element) lost.push(element.outerHTML.slice(0, 99));
        }}
        const dead = [];
        for (const link of page.querySelectorAll('a[href^="#"]')) {{
            link.click();
            const target = page.querySelector(':target');
            if (!target || '#' + target.id !== link.getAttribute('href')) dead.push(link.href);
        }}
        found[width] = {{
            wide: page.documentElement.scrollWidth, pictures: pictures.length, focusable: focusable.length,
            broken: pictures.filter(picture => !picture.naturalWidth).length, lost, dead,
            ink: window_.getComputedStyle(page.body).color, text: page.body.innerText,
            axe: ((await window_.axe?.run())?.violations ?? []).map(one => one.id + ': ' + one.nodes[0].html),
        }};
        frame.remove();
    }}
    document.body.setAttribute('data-found', JSON.stringify(found));
}})();
</script>"""


def in_chromium(page: Path, folder: Path, *, dark: bool = False, axe: Path | None = None) -> dict:
    """Return what a browser finds in a page at each width; skip the test where there is no browser.

    Args:
        page: the page, which may load nothing.
        folder: for the browser's files.
        dark: whether the reader prefers dark pages.
        axe: axe-core's script, which looks for what keeps some readers out.
    """
    if axe is not None:
        # The page itself runs no script; axe is let into a copy.
        text = re.sub(r'<meta http-equiv="Content-Security-Policy".*?>', "", page.read_text())
        page = folder / "with_axe.html"
        page.write_text(text.replace("</body>", f'<script src="{axe.as_uri()}"></script></body>'))
    harness = folder / "harness.html"
    harness.write_text(HARNESS.format(page=page.as_uri(), widths=list(WIDTHS)))
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}", "--allow-file-access-from-files"]
    command += ["--window-size=1500,1000", "--virtual-time-budget=60000", "--dump-dom"]
    command += ["--blink-settings=preferredColorScheme=0"] if dark else []
    done = subprocess.run([*command, harness.as_uri()], capture_output=True, text=True)
    found = re.search(r'data-found="(.*?)"', done.stdout, re.DOTALL)
    assert found is not None, done.stderr
    errors = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return {**{int(width): seen for width, seen in json.loads(unescape(found[1])).items()}, "console": errors}

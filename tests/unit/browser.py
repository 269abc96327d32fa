"""Chromium, where there is one: what pages are once their scripts have run, and what a reader's hand makes of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
DARK = "--blink-settings=preferredColorScheme=0"
_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-extensions", "--no-first-run")
#: What a page does wrong, from its first line on.
_WATCH = """<script>
window.wrong = [];
addEventListener("error", event => wrong.push(event.message));
addEventListener("unhandledrejection", event => wrong.push(String(event.reason)));
addEventListener("securitypolicyviolation", event => wrong.push(`${event.violatedDirective} ${event.blockedURI}`));
console.error = console.warn = (...told) => wrong.push(told.join(" "));
</script>"""


def shown(path: Path, *options: str) -> str:
    """The page at ``path`` as markup, after its scripts."""
    asked = [str(CHROMIUM), *_OPTIONS, "--window-size=1400,900", *options, "--dump-dom", path.as_uri()]
    return subprocess.run(asked, capture_output=True, text=True, timeout=120, check=True).stdout


def driven(folder: Path, pages: dict[str, tuple[str, int, str]], *options: str) -> dict[str, Any]:
    """What each of ``pages`` says of itself: its markup, the width of its window, and a script that returns that.

    All in one start of the browser, each in a frame, since no window of Chromium's is less than 500 pixels wide.
    """
    frames = []
    for name, (page, width, script) in pages.items():
        told = (
            '<script>addEventListener("load", () => setTimeout(async () => {let told; '
            f"try {{told = await (async () => {{{script}}})()}} catch (error) {{wrong.push(String(error))}}"
            f"parent.postMessage({json.dumps(name)} + '\\n' + JSON.stringify({{told, wrong,"
            "asked: performance.getEntriesByType('resource').length,"
            "wide: document.documentElement.scrollWidth}), '*')}))</script>"
        )
        page = page.replace("<head>", f"<head>{_WATCH}", 1).replace("</body>", f"{told}</body>")
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
        frames.append(f'<iframe src="{name}.html" style="width:{width}px;height:800px"></iframe>')
    outer = folder / "frames.html"
    outer.write_text(
        "<!doctype html><meta charset=utf-8><style>iframe{border:0}</style><pre></pre><script>"
        'addEventListener("message", event => document.querySelector("pre").append(event.data + "\\n"))</script>'
        + "".join(frames),
        encoding="utf-8",
    )
    found = re.search("<pre>(.*?)</pre>", shown(outer, "--virtual-time-budget=20000", *options), re.DOTALL)
    assert found is not None
    lines = unescape(found[1]).splitlines()
    return dict(zip(lines[::2], map(json.loads, lines[1::2]), strict=True))

"""Chromium, where there is one: a page as it is once its scripts have run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-extensions", "--no-first-run")


def shown(path: Path, width: int = 1400, *options: str) -> str:
    """The page at ``path`` as markup, after its scripts."""
    asked = [str(CHROMIUM), *_OPTIONS, f"--window-size={width},900", *options, "--dump-dom", path.as_uri()]
    return subprocess.run(asked, capture_output=True, text=True, timeout=120, check=True).stdout

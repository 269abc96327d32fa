"""A question that only a process with torch can answer: asked in one of its own, answered in one line of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from pytest_modelbench.core.errors import UsageError

#: Not ``-m``, which would import from the folder that it is started in.
_ENTRY = "import sys; sys.path[:] = filter(None, sys.path); from {} import main; main()"
#: Lines of what a process said before it failed.
_SAID = 3


def ask(module: str, question: Mapping[str, Any], limit_s: float | None = None) -> dict[str, Any]:
    """What ``main`` of ``module`` prints last, given ``question`` as JSON.

    Raises UsageError where it says ``error``, or fails, and subprocess.TimeoutExpired after ``limit_s``.
    """
    done = subprocess.run(
        [sys.executable, "-c", _ENTRY.format(module), json.dumps(question)],
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )
    try:
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        said = "\n".join(done.stderr.strip().splitlines()[-_SAID:]) or f"exit status {done.returncode}"
        raise UsageError(f"the process that was asked failed:\n{said}") from None
    if error := told.get("error"):
        raise UsageError(error)
    return told

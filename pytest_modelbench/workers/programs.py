"""Programs that are run before anything is measured: installers, and what builds a project."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_modelbench.core.errors import ModelbenchError
from pytest_modelbench.host.interrupts import interruptible

#: A slow connection and a large package, or a large extension and few cores.
_PATIENCE_S = 1800.0


def output_of(
    command: Sequence[str], failed: str, *, folder: Path | None = None, variables: Mapping[str, str] | None = None
) -> str:
    """What ``command`` printed, run in ``folder`` with ``variables`` beside those of this process.

    ModelbenchError that begins with ``failed``, with the end of what the program said, if it could not be run, did not
    end within half an hour, or its exit status is not 0.
    """
    environment = {**os.environ, **(variables or {})}
    try:
        with interruptible():
            ran = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE_S, cwd=folder,
                env=environment, stdin=subprocess.DEVNULL,
            )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ModelbenchError(f"{failed}: {error}") from error
    if ran.returncode:
        said = (ran.stderr.strip() or ran.stdout.strip()).splitlines() or [f"exit status {ran.returncode}"]
        raise ModelbenchError(f"{failed}: {shlex.join(command)} said: {' / '.join(said[-2:])}")
    return ran.stdout

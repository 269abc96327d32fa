"""Programs that are run before anything is measured: installers, and what builds a project."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from pytest_modelbench.core.errors import ModelbenchError
from pytest_modelbench.core.locations import without_secret
from pytest_modelbench.core.printable import printable
from pytest_modelbench.host.groups import end_group
from pytest_modelbench.host.interrupts import interruptible
from pytest_modelbench.workers.watchdog import FAMILY, end_family, watchdog

#: A slow connection and a large package, or a large extension and few cores.
_PATIENCE_S = 1800.0
#: Of what a program said when it failed: lines that speak of errors, lines at the end, and the length of each.
_ERRORS, _LAST, _WIDEST = 3, 3, 200


def output_of(
    command: Sequence[str], failed: str, *, folder: Path | None = None, variables: Mapping[str, str] | None = None
) -> str:
    """What ``command`` printed, run in ``folder`` with these ``variables``, by default those of this process.

    ModelbenchError that begins with ``failed``, with the errors and the end of what the program said, if it could not
    be run, did not end within half an hour, or its exit status is not 0. However it ends, what it has started and left
    in its group ends with it; if it is ended, or this process is, whatever it has started does.
    """
    family = uuid.uuid4().hex
    told = without_secret(shlex.join(command))
    # Files, not pipes: what stays in the background would hold a pipe open.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, cwd=folder,
                env={**(os.environ if variables is None else variables), FAMILY: family},
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise ModelbenchError(f"{failed}: {told}: {error.strerror or error}") from error
        through = False
        try:
            watchdog().watch(process.pid, family)
            with interruptible():
                process.wait(_PATIENCE_S)
            through = True
        except subprocess.TimeoutExpired as error:
            raise ModelbenchError(f"{failed}: {told} did not end within {_PATIENCE_S / 60:.0f} minutes") from error
        finally:
            end_group(process)
            if not through:
                end_family(family)
            watchdog().forget(process.pid, family)
        said = [_read(stream) for stream in (output, errors)]
    if process.returncode:
        what = _in_short("\n".join(said)) or f"nothing, and ended with status {process.returncode}"
        raise ModelbenchError(f"{failed}: {told} said: {what}")
    return said[0]


def _read(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")


def _in_short(said: str) -> str:
    """The first errors of ``said`` and its end, on one line."""
    lines = [line.strip() for line in said.splitlines() if re.search(r"\w", line)]
    errors = [line for line in lines if "error" in line.lower()][:_ERRORS]
    kept = dict.fromkeys([*errors, *lines[-_LAST:]])
    return without_secret(" / ".join(printable(line[:_WIDEST]) for line in kept))

"""Groups of processes: a program that was started in a session of its own, and what it has started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

#: How long what is ended may take to clean up, remove lock files, say, before it is killed.
_GRACE_S = 2.0


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End the group that ``process`` leads, started with ``start_new_session``, whether it has ended itself or not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)

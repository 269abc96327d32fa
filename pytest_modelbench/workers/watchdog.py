"""Ends what a controller has started if that is gone, however it went and whatever a worker is doing meanwhile.

A process of its own, which does nothing but wait for the end of a pipe that the controller alone can write to. A worker
cannot do that for itself: a thread of it waits for as long as a regular expression or a loop in native code runs, and
one that is stopped does nothing at all.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterable

from pytest_modelbench.host.proc import processes_with

#: By this, processes are known that a worker has started, and those have.
FAMILY = "PYTEST_MODELBENCH_FAMILY"

_ENTRY = "import sys; sys.path[:] = sys.argv[1:]; from pytest_modelbench.workers.watchdog import main; main()"
#: How long the watchdog of a controller that ends by itself may take.
_END_S = 5.0


class Watchdog:
    """The process. One that dies is not missed: workers watch over themselves as far as they can."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ENTRY, *filter(None, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what ends the controller's group, Ctrl-C or a closed terminal, leaves it alone
        )

    def watch(self, group: int, family: str) -> None:
        """End that process group, and whatever was started with ``family`` in its environment, if this process ends."""
        self._tell(f"+ {group} {family}\n")

    def forget(self, group: int, family: str) -> None:
        """All of it has ended."""
        self._tell(f"- {group} {family}\n")

    def end(self) -> None:
        """End the watchdog itself, which ends what it still watches."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self._process.communicate(timeout=_END_S)

    def _tell(self, line: str) -> None:
        stream = self._process.stdin
        if stream is not None and not stream.closed:
            with contextlib.suppress(OSError):
                stream.write(line.encode())
                stream.flush()


@functools.cache
def watchdog() -> Watchdog:
    """The one of this process, from the first time on that it is asked for."""
    one = Watchdog()
    atexit.register(one.end)
    return one


def end_family(family: str) -> None:
    """End what was started with ``family`` in its environment, in whatever session."""
    for pid in processes_with(FAMILY, family):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def watched(lines: Iterable[str]) -> list[tuple[int, str]]:
    """Groups and families that are left when nothing more is told; what cannot be read is passed over."""
    left: dict[str, tuple[int, str]] = {}
    for line in lines:
        sign, _, rest = line.strip().partition(" ")
        group, _, family = rest.partition(" ")
        # 0 would be this process's own group, and 1 everything there is.
        if sign == "+" and family and group.isdecimal() and int(group) > 1:
            left[rest] = (int(group), family)
        elif sign == "-":
            left.pop(rest, None)
    return [*left.values()]


def main() -> None:
    """Wait for the end of the input, and end what is watched then."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for group, family in watched(sys.stdin):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        end_family(family)

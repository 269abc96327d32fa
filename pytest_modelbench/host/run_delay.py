"""Whether a thread had its core: how long it waited for one, as Linux counts it, and how often it gave it up."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
from pathlib import Path

from pytest_modelbench.host.proc import PROC

#: The file has three short numbers.
_LONGEST = 100


#: Of the calling thread; Linux and FreeBSD have it.
_THIS_THREAD: int | None = getattr(resource, "RUSAGE_THREAD", None)


def times_given_up() -> int | None:
    """How often the calling thread has given its core up by itself, to sleep or to wait; None where nobody counts.

    A thread that has imported anything has done so: where it is 0, as in some sandboxes, nobody does.
    """
    return None if _THIS_THREAD is None else resource.getrusage(_THIS_THREAD).ru_nvcsw or None


class RunDelay:
    """Reads the delay of the thread that asks; opened once, since it is read around every sample."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._thread = 0
        self._file: int | None = None
        self._opened: tuple[int, int] | None = None  #: what it is, as a test may close it and open another in its place

    def read_ns(self) -> int | None:
        """Nanoseconds since the thread began; None where the system does not tell."""
        thread = threading.get_native_id()
        if thread != self._thread:
            self._open(thread)
        found = self._read()
        if found is None and self._file is not None:
            self._file = None  # a test has closed it, and may have opened another one in its place
            self._open(thread)
            found = self._read()
        return found

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                if _identity(self._file) == self._opened:
                    os.close(self._file)
        self._file, self._thread = None, 0

    def _open(self, thread: int) -> None:
        self.close()
        self._thread = thread
        with contextlib.suppress(OSError):
            self._file = os.open(self._proc / f"self/task/{thread}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
            self._opened = _identity(self._file)

    def _read(self) -> int | None:
        if self._file is None:
            return None
        try:
            ran, waited, slices = map(int, os.pread(self._file, _LONGEST, 0).split())
        except (OSError, ValueError):
            return None
        # A kernel that does not count says that the thread never ran.
        return waited if ran > 0 and waited >= 0 and slices > 0 else None


def _identity(file: int) -> tuple[int, int]:
    status = os.fstat(file)
    return status.st_dev, status.st_ino


def waits_are_told(proc: Path = PROC) -> bool:
    """Whether the system tells how long a thread waits for its core."""
    delay = RunDelay(proc)
    try:
        return delay.read_ns() is not None
    finally:
        delay.close()

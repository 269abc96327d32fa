"""Instructions that this process's threads have run, by the kernel's own counters (perf_event_open, Linux).

Called directly: what PyPI has for it counts one thread alone, and ``perf stat`` counts from another process, which
would have to be told when a pass begins and ends.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pytest_modelbench.core.errors import MeasureError, UnavailableError
from pytest_modelbench.host.files import file_text
from pytest_modelbench.host.proc import PROC

#: Number of the call, by architecture (asm/unistd.h).
_CALLS = {"x86_64": 298, "aarch64": 241}
# Of linux/perf_event.h: the size of what is told, version 0, and where its flags are.
_SIZE, _FLAGS_AT = 64, 40
_READ_FORMAT_AT = 32
#: Not counted before it is told to be; threads to come, too; nothing of the kernel's or a hypervisor's.
_FLAGS = 1 << 0 | 1 << 1 | 1 << 5 | 1 << 6
#: A reading is followed by the nanoseconds that it was wanted, and that it was in fact counted.
_READ_FORMAT = 1 | 2
_ENABLE, _DISABLE = 0x2400, 0x2401


@dataclass(frozen=True, slots=True)
class Event:
    """What is counted: a type and a number of linux/perf_event.h."""

    kind: int
    number: int
    what: str


INSTRUCTIONS = Event(0, 1, "instructions")

_HARDWARE = 0
#: Where the kernel lists what counts, and what those are called that belong to some of the cores alone.
DEVICES = Path("/sys/bus/event_source/devices")
_CORES = ("cpu_", "armv8_", "armv9_")

#: Opens a counter of a thread, by its number; raises OSError.
Opens = Callable[[Event, int], int]


def open_counter(event: Event, thread: int) -> int:
    """A file descriptor that counts ``event`` of ``thread`` and those that it starts, disabled; raises OSError."""
    number = _CALLS.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    told = bytearray(_SIZE)
    struct.pack_into("IIQ", told, 0, event.kind, _SIZE, event.number)
    struct.pack_into("QQ", told, _READ_FORMAT_AT, _READ_FORMAT, _FLAGS)
    library = ctypes.CDLL(None, use_errno=True)
    buffer = (ctypes.c_char * _SIZE).from_buffer(told)
    descriptor = library.syscall(number, ctypes.byref(buffer), thread, -1, ctypes.c_ulong(2**64 - 1), 8)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(descriptor)


class _Reading(NamedTuple):
    """What a counter says: how many, and the nanoseconds that it was wanted and that it was in fact counted."""

    events: int
    wanted_ns: int
    counted_ns: int


class Counter:
    """Counts of one event over all threads of this process, from `start` to `stop`."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._descriptors = descriptors
        self._before: list[_Reading] = []

    def start(self) -> None:
        """Begin anew."""
        # To reset a counter leaves what threads have added to it that have ended since.
        self._before = [_read(descriptor) for descriptor in self._descriptors]
        for descriptor in self._descriptors:
            fcntl.ioctl(descriptor, _ENABLE, 0)

    def stop(self) -> int:
        """How many there were since `start`. Raises MeasureError where others had the counter meanwhile."""
        for descriptor in self._descriptors:
            fcntl.ioctl(descriptor, _DISABLE, 0)
        total = 0
        for descriptor, before in zip(self._descriptors, self._before, strict=True):
            count, wanted_ns, counted_ns = (now - then for now, then in zip(_read(descriptor), before, strict=True))
            if counted_ns < wanted_ns:
                raise MeasureError(
                    f"the processor's counters were shared with another program: {counted_ns / wanted_ns:.0%} of the "
                    "time was counted; end what profiles this machine, and run again"
                )
            total += count
        return total


def _read(descriptor: int) -> _Reading:
    return _Reading(*struct.unpack("QQQ", os.read(descriptor, 24)))


@contextmanager
def counting(
    event: Event = INSTRUCTIONS, opens: Opens = open_counter, proc: Path = PROC, devices: Path = DEVICES
) -> Iterator[Counter]:
    """A counter of ``event`` over all threads of this process, those that they start among them.

    Raises UnavailableError, with why and what helps, where this machine does not count it.
    """
    if event.kind == _HARDWARE and len(kinds := _kinds_of_cores(devices)) > 1:
        raise UnavailableError(
            f"{event.what} cannot be counted here: this processor has cores of several kinds ({', '.join(kinds)}), "
            "each with counters of its own, and a thread may move from one to another"
        )
    with ExitStack() as stack:
        opened: dict[int, int] = {}
        try:
            # Threads may start others until theirs are opened as well.
            while new := [thread for thread in _threads(proc) if thread not in opened]:
                for thread in new:
                    opened[thread] = descriptor = _open(event, thread, opens)
                    if descriptor >= 0:
                        stack.callback(os.close, descriptor)
        except OSError as error:
            raise UnavailableError(_why_not(event, error, proc)) from None
        yield Counter([descriptor for descriptor in opened.values() if descriptor >= 0])


def _open(event: Event, thread: int, opens: Opens) -> int:
    """The counter of ``thread``; -1 if it has ended."""
    try:
        return opens(event, thread)
    except ProcessLookupError:
        return -1


def _kinds_of_cores(devices: Path) -> list[str]:
    return sorted(path.name for path in devices.glob("*") if (path / "cpus").exists() and path.name.startswith(_CORES))


def _threads(proc: Path) -> list[int]:
    try:
        return sorted(int(path.name) for path in (proc / "self/task").iterdir())
    except FileNotFoundError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None


def _why_not(event: Event, error: OSError, proc: Path) -> str:
    lead = f"{event.what} cannot be counted here: "
    if error.errno in (errno.ENOENT, errno.EOPNOTSUPP, errno.ENODEV):
        return lead + "the processor shows the kernel no counters, as in most virtual machines; use bare metal"
    if error.errno in (errno.EACCES, errno.EPERM):
        level = file_text(proc / "sys/kernel/perf_event_paranoid").strip()
        if level.lstrip("-").isdecimal() and int(level) > 2:
            return lead + f"kernel.perf_event_paranoid is {level}: sudo sysctl kernel.perf_event_paranoid=2"
        return lead + "the kernel refuses it, as containers do: docker run --cap-add=PERFMON, or no seccomp filter"
    if error.errno == errno.ENOSYS:
        return lead + "that takes Linux on x86-64 or Arm"
    return lead + (error.strerror or type(error).__name__)

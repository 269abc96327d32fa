"""Clocks of the CPU: the wall's, and what a thread took for itself, whatever others did on its core meanwhile."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from pytest_modelbench.host.clock import Held
from pytest_modelbench.host.run_delay import RunDelay, times_given_up

#: Two clocks that are read one right after the other are read within microseconds.
_AT_ONCE_NS = 50_000
_READ_TRIES = 5
#: Threads that only listen for the controller use far less of the time; one that computes has this at once.
_OTHERS_SHARE = 0.01
#: A clock that ticks 100 times a second says of most samples that they took nothing.
_CPU_TIME_IS_FINE = time.get_clock_info("thread_time").resolution <= 1e-6


class LeftOut(NamedTuple):
    """What of the time that passed is not in what a clock told."""

    waits: bool = False  #: the thread could have run, and waited for a core
    stolen_s: float = 0.0  #: it neither ran nor waited, without having given its core up: a hypervisor ran others


class CpuClock:
    """Clock of the CPU, which is done with a call when the call returns."""

    name = "perf_counter"
    left_out = LeftOut()  #: of what was read last

    def mark(self) -> int:
        """Nanoseconds of a monotonic clock."""
        return Held.perf_counter_ns()

    def elapsed_s(self, marks: Sequence[int]) -> list[float]:
        """Seconds between consecutive ``marks``."""
        return [(later - earlier) / 1e9 for earlier, later in pairwise(marks)]

    def synchronize(self) -> None:
        """Return at once: a call of the CPU is done when it returns."""


class Mark(NamedTuple):
    """One moment of a thread, in nanoseconds; None: the system does not tell."""

    wall_ns: int
    delay_ns: int | None  #: it could have run so far, and waited for a core
    cpu_ns: int  #: it ran
    given_up: int | None  #: how often it gave its core up: to sleep, or to wait for a lock or a file
    others_ns: int = 0  #: other threads of its process ran


class RunningClock(CpuClock):
    """Clock of the CPU that leaves out what was not the thread's: time that others had on its core.

    Where the thread has not given its core up once, it is the time that it ran: that is without waits for the core, and
    without what a hypervisor took of it, where the kernel keeps that apart. Else the wall's time less the waits: in
    which the thread sleeps, waits for a lock or reads a file, is its own, and stays counted, as it would not in the
    time that it ran. Where the system does not tell, or tells what cannot be, time is what the wall shows; likewise
    where other threads of the process run, which the thread may wait for.
    """

    name = "perf_counter less run delay"

    def __init__(self, delay: RunDelay | None = None) -> None:
        self._delay = delay or RunDelay()

    def mark(self) -> Mark:  # type: ignore[override]
        """All counters of this thread, read at one moment."""
        for _ in range(_READ_TRIES):
            before_ns = Held.perf_counter_ns()
            delay_ns, cpu_ns, given_up = self._delay.read_ns(), Held.thread_time_ns(), times_given_up()
            process_ns, now_ns = Held.process_time_ns(), Held.perf_counter_ns()
            if now_ns - before_ns < _AT_ONCE_NS:
                break  # else the thread was taken off its core in between
        return Mark(now_ns, delay_ns, cpu_ns, given_up, process_ns - cpu_ns)

    def elapsed_s(self, marks: Sequence[Mark]) -> list[float]:  # type: ignore[override]
        """Seconds between consecutive ``marks`` that were the thread's own."""
        laps = list(pairwise(marks))
        walls_ns = [later.wall_ns - earlier.wall_ns for earlier, later in laps]
        ran = [_ran_ns(*lap) for lap in laps]
        own_ns = [_less_waits_ns(*lap) if ran_ns is None else ran_ns for lap, ran_ns in zip(laps, ran, strict=True)]
        alone = not marks or marks[-1].others_ns - marks[0].others_ns <= _OTHERS_SHARE * sum(walls_ns)
        told = [one_ns for one_ns in own_ns if one_ns is not None]
        if not alone or len(told) < len(laps):
            self.left_out = LeftOut()
            return [wall_ns / 1e9 for wall_ns in walls_ns]
        stolen_ns = (_stolen_ns(*lap) for lap, ran_ns in zip(laps, ran, strict=True) if ran_ns is not None)
        self.left_out = LeftOut(waits=True, stolen_s=sum(stolen_ns) / 1e9)
        return [one_ns / 1e9 for one_ns in told]


def _ran_ns(earlier: Mark, later: Mark) -> int | None:
    """How long the thread ran, if it has done nothing else; None if it has, or nobody knows."""
    if earlier.given_up is None or earlier.given_up != later.given_up:
        return None
    ran_ns, wall_ns = later.cpu_ns - earlier.cpu_ns, later.wall_ns - earlier.wall_ns
    if not _CPU_TIME_IS_FINE:
        return None
    possible = 0 < ran_ns <= wall_ns + _AT_ONCE_NS or ran_ns == wall_ns == 0
    return ran_ns if possible else None


def _less_waits_ns(earlier: Mark, later: Mark) -> int | None:
    """The wall's time less what the thread waited for a core; None if that is not known.

    A counter may jump where a process was moved, suspended or restored.
    """
    if earlier.delay_ns is None or later.delay_ns is None:
        return None
    delay_ns, wall_ns = later.delay_ns - earlier.delay_ns, later.wall_ns - earlier.wall_ns
    return wall_ns - delay_ns if 0 <= delay_ns < wall_ns or wall_ns == delay_ns == 0 else None


def _stolen_ns(earlier: Mark, later: Mark) -> int:
    """How long a thread that only ran and waited did neither; 0 where waits are not counted."""
    if earlier.delay_ns is None or later.delay_ns is None:
        return 0
    waited_ns, ran_ns = later.delay_ns - earlier.delay_ns, later.cpu_ns - earlier.cpu_ns
    return max(0, later.wall_ns - earlier.wall_ns - waited_ns - ran_ns)

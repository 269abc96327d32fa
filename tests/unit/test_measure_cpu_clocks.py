"""What a thread took for itself, by counters that a test moves."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest

from pytest_modelbench.host.clock import Held
from pytest_modelbench.measure import cpu_clocks
from pytest_modelbench.measure.cpu_clocks import LeftOut, Mark, RunningClock
from pytest_modelbench.measure.workload import Workload, seconds_of

MS = 1_000_000
WAITS, NOTHING = LeftOut(waits=True), LeftOut()


@dataclass
class Counters:
    """All that the system tells, in nanoseconds, and of the process's other threads."""

    wall_ns: int = 0
    delay_ns: int | None = 0
    cpu_ns: int = 0
    given_up: int | None = 0
    others_ns: int = 0

    def read_ns(self) -> int | None:
        return self.delay_ns


@pytest.fixture
def counters(monkeypatch: pytest.MonkeyPatch) -> Counters:
    now = Counters()
    monkeypatch.setattr(Held, "perf_counter_ns", staticmethod(lambda: now.wall_ns))
    monkeypatch.setattr(Held, "thread_time_ns", staticmethod(lambda: now.cpu_ns))
    monkeypatch.setattr(Held, "process_time_ns", staticmethod(lambda: now.cpu_ns + now.others_ns))
    monkeypatch.setattr(cpu_clocks, "times_given_up", lambda: now.given_up)
    return now


Moment = tuple[float, float | None, float, int | None]


@pytest.fixture
def told(counters: Counters) -> Callable[..., tuple[list[float], LeftOut]]:
    """What is read of marks at moments of the wall, of delay and of running, in ms, and of giving the core up."""

    def read(*moments: Moment, others: float = 0.0) -> tuple[list[float], LeftOut]:
        clock = RunningClock(counters)  # type: ignore[arg-type]
        clock.synchronize()
        marks = []
        for number, (wall, delay, ran, given_up) in enumerate(moments):
            counters.others_ns = round(others * 1e6) if number == len(moments) - 1 else 0
            counters.wall_ns, counters.cpu_ns = round(wall * 1e6), round(ran * 1e6)
            counters.delay_ns = None if delay is None else round(delay * 1e6)
            counters.given_up = given_up
            marks.append(clock.mark())
        return [round(one_s * 1e3, 6) for one_s in clock.elapsed_s(marks)], clock.left_out

    return read


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        # It ran all the time, or others had its core for a while, or the hypervisor took it, which counts no delay.
        ([(0, 0, 0, 1), (20, 0, 20, 1), (50, 0, 50, 1)], ([20, 30], WAITS)),
        ([(0, 5, 7, 1), (20, 5, 27, 1), (50, 25, 37, 1)], ([20, 10], WAITS)),
        ([(0, 0, 0, 1), (20, 0, 14, 1)], ([14], LeftOut(waits=True, stolen_s=0.006))),
        ([(0, 0, 0, 1), (0, 0, 0, 1), (20, 12, 8, 1)], ([0, 8], WAITS)),
        # It slept as well, in one of two samples: that is its own.
        ([(0, 0, 0, 1), (20, 5, 15, 1), (50, 10, 20, 2)], ([15, 25], WAITS)),
        # Nobody counts delays: where it has not slept, nobody has to.
        ([(0, None, 0, 1), (20, None, 12, 1)], ([12], WAITS)),
        ([(0, None, 0, 1), (20, None, 12, 2)], ([20], NOTHING)),
        # Nobody counts how often it gave its core up.
        ([(0, 0, 0, None), (20, 5, 15, None)], ([15], WAITS)),
        ([(0, None, 0, None), (20, None, 15, None)], ([20], NOTHING)),
        # A counter jumped, or stands still, or one mark lacks it.
        ([(0, 9, 0, 1), (20, 0, 10, 2)], ([20], NOTHING)),
        ([(0, 0, 0, 1), (20, 500, 10, 2)], ([20], NOTHING)),
        ([(0, 0, 0, 1), (20, 20, 10, 2)], ([20], NOTHING)),
        ([(0, 0, 50, 1), (20, 5, 10, 1)], ([15], WAITS)),
        ([(0, 0, 0, 1), (20, 5, 90, 1)], ([15], WAITS)),
        ([(0, 0, 10, 1), (20, 5, 10, 1)], ([15], WAITS)),
        ([(0, 0, 0, 1), (20, None, 15, 2), (50, 9, 30, 3)], ([20, 30], NOTHING)),
    ],
)
def test_time_is_the_thread_s_own(
    told: Callable[..., tuple[list[float], LeftOut]], moments: list[Moment], expected: tuple[list[float], LeftOut]
) -> None:
    assert told(*moments) == expected


def test_where_other_threads_compute_time_is_the_wall_s(told: Callable[..., tuple[list[float], LeftOut]]) -> None:
    moments = [(0, 0, 0, 1), (20, 0, 20, 1), (50, 20, 30, 1)]
    assert told(*moments, others=0.5) == ([20, 10], WAITS)
    assert told(*moments, others=5) == ([20, 30], NOTHING)


def test_other_threads_of_any_step_of_a_block_are_seen(counters: Counters) -> None:
    """A model that leaves its work to a thread, and waits for the core that this one has."""
    clock = RunningClock(counters)  # type: ignore[arg-type]

    def step(name: str, wall_ms: int, waits_ms: int) -> Workload:
        def call() -> None:
            counters.wall_ns += wall_ms * MS
            counters.delay_ns = (counters.delay_ns or 0) + waits_ms * MS
            counters.cpu_ns += (wall_ms - waits_ms) * MS
            counters.others_ns += waits_ms * MS

        return Workload(call, name, 1, 0.0, 1)

    reference, target = step("reference", 20, 0), step("target", 60, 30)
    assert seconds_of([reference, target, target, reference], clock) == [0.02, 0.06, 0.06, 0.02]
    assert clock.left_out == NOTHING


def test_a_mark_is_read_again_where_the_thread_was_taken_off_its_core_meanwhile(
    counters: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0, 4_000_000, 4_001_000, 4_002_000])
    monkeypatch.setattr(Held, "perf_counter_ns", staticmethod(lambda: next(times)))
    assert RunningClock(counters).mark() == Mark(4_002_000, 0, 0, 0)  # type: ignore[arg-type]


def test_a_clock_that_ticks_now_and_then_tells_nothing(
    told: Callable[..., tuple[list[float], LeftOut]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu_clocks, "_CPU_TIME_IS_FINE", False)
    assert told((0, 0, 0, 1), (20, 5, 10, 1)) == ([15], WAITS)


def test_a_thread_that_sleeps_or_waits_for_a_lock_is_not_without_work() -> None:
    clock = RunningClock()
    lock = threading.Lock()
    lock.acquire()
    threading.Timer(0.03, lock.release).start()
    clock.synchronize()
    marks = [clock.mark()]
    time.sleep(0.02)
    marks.append(clock.mark())
    lock.acquire()
    marks.append(clock.mark())
    assert sum(clock.elapsed_s(marks)) >= 0.02


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system moves nobody")
def test_a_thread_that_is_moved_to_another_core_keeps_its_time() -> None:
    cores, clock = sorted(os.sched_getaffinity(0)), RunningClock()
    clock.synchronize()
    marks = [clock.mark()]
    try:
        for core in cores[:4]:
            os.sched_setaffinity(0, {core})
            sum(range(100_000))
            marks.append(clock.mark())
    finally:
        os.sched_setaffinity(0, cores)
    elapsed_s = clock.elapsed_s(marks)
    walls_s = [(later.wall_ns - earlier.wall_ns) / 1e9 for earlier, later in pairwise(marks)]
    assert all(0 < own_s <= wall_s + 5e-5 for own_s, wall_s in zip(elapsed_s, walls_s, strict=True))

"""Clocks and the device timer. Devices are played by fakes; no wall time is asserted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.host.clock import Held
from pytest_modelbench.measure import clocks
from pytest_modelbench.measure.clocks import CpuClock, CudaClock, EventClock, RunningClock, SynchronizedClock, clock_for
from pytest_modelbench.measure.timer import BlockTiming, DeviceTimer


class FakeEvent:
    """An event that the device stamps only when it is synchronized."""

    def __init__(self, stamp_ms: float) -> None:
        self.stamp_ms = stamp_ms

    def elapsed_time(self, later: FakeEvent) -> float:
        return later.stamp_ms - self.stamp_ms


@pytest.fixture
def perf_counter_ns(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the time."""
    now = [0]
    monkeypatch.setattr(Held, "perf_counter_ns", staticmethod(lambda: now[0]))

    def set_to(value: int) -> None:
        now[0] = value

    return set_to


def test_cpu_clock_gives_seconds_between_marks(perf_counter_ns: Callable[[int], None]) -> None:
    clock = CpuClock()
    marks = []
    for now in (5, 1_000_000_005, 1_250_000_005):
        perf_counter_ns(now)
        marks.append(clock.mark())
    assert clock.elapsed_s(marks) == [1.0, 0.25]


def test_event_clock_waits_once_and_turns_milliseconds_into_seconds() -> None:
    waits: list[str] = []
    stamps = iter([0.0, 2.0, 7.0])
    clock = EventClock("fake events", lambda: FakeEvent(next(stamps)), lambda: waits.append("wait"))
    marks = [clock.mark() for _ in range(3)]
    assert waits == []
    assert clock.elapsed_s(marks) == [0.002, 0.005]
    assert waits == ["wait"]


def test_synchronized_clock_waits_before_it_reads(perf_counter_ns: Callable[[int], None]) -> None:
    done_at = iter([3_000_000_000, 4_000_000_000])
    clock = SynchronizedClock(lambda: perf_counter_ns(next(done_at)))
    assert clock.elapsed_s([clock.mark(), clock.mark()]) == [1.0]


def test_cuda_clock_records_in_the_current_stream_of_its_device(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[Any] = []

    class Event(FakeEvent):
        def __init__(self, enable_timing: bool) -> None:
            super().__init__(len(log))
            assert enable_timing

        def record(self, stream: str) -> None:
            log.append(stream)

    device = torch.device("cuda", 1)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: log.append(f"wait for {device}"))
    clock = clock_for(device)
    assert isinstance(clock, CudaClock)
    assert clock.elapsed_s([clock.mark(), clock.mark()]) == [0.001]
    assert log == ["stream of cuda:1", "stream of cuda:1", "wait for cuda:1"]


def test_other_accelerators_are_timed_by_events_where_these_can(monkeypatch: pytest.MonkeyPatch) -> None:
    class Event(FakeEvent):
        def __init__(self, device: torch.device, enable_timing: bool) -> None:
            super().__init__(0.0)

        def record(self, stream: object) -> None: ...

    monkeypatch.setattr(torch, "Event", Event)
    monkeypatch.setattr(torch.accelerator, "current_stream", lambda device: None)
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda device: None)
    assert clock_for(torch.device("xpu", 0)).name == "xpu events"


def test_accelerator_whose_events_have_no_time_falls_back_to_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    class Event:
        def __init__(self, device: torch.device, enable_timing: bool) -> None:
            raise NotImplementedError("no timing")

    monkeypatch.setattr(torch, "Event", Event)
    assert isinstance(clock_for(torch.device("mps")), SynchronizedClock)


def test_cpu_has_the_plain_clock_and_meta_none() -> None:
    assert clock_for(torch.device("cpu")).name == "perf_counter less run delay"
    for make in (clock_for, DeviceTimer):
        with pytest.raises(UsageError, match=r"meta device computes nothing.*--device=cpu"):
            make(torch.device("meta"))


class FakeDelay:
    """What the thread waited so far, as a test says."""

    def __init__(self) -> None:
        self.now: int | None = 0

    def read_ns(self) -> int | None:
        return self.now


@pytest.fixture
def running(
    perf_counter_ns: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[list[float], bool]]:
    """What is read of marks that are made at times of the wall, of delay, and of other threads, in milliseconds."""

    def read(walls: list[float], delays: list[float | None], others: float = 0.0) -> tuple[list[float], bool]:
        used, delay = [0], FakeDelay()
        monkeypatch.setattr(Held, "process_time_ns", staticmethod(lambda: used[0]))
        monkeypatch.setattr(Held, "thread_time_ns", staticmethod(lambda: 0))
        clock = RunningClock(delay)  # type: ignore[arg-type]
        clock.synchronize()
        marks = []
        for wall, waited in zip(walls, delays, strict=True):
            perf_counter_ns(round(wall * 1e6))
            delay.now = None if waited is None else round(waited * 1e6)
            marks.append(clock.mark())
        used[0] = round(others * 1e6)
        return [round(one_s * 1e3, 6) for one_s in clock.elapsed_s(marks)], clock.waits_left_out

    return read


@pytest.mark.parametrize(
    ("walls", "delays", "others", "told"),
    [
        ([0, 20, 50], [0, 0, 0], 0, ([20, 30], True)),
        ([0, 20, 50], [5, 5, 25], 0, ([20, 10], True)),
        ([0, 0, 20], [0, 0, 12], 0, ([0, 8], True)),
        # The system does not tell, or not of all marks.
        ([0, 20, 50], [None, None, None], 0, ([20, 30], False)),
        ([0, 20, 50], [0, None, 20], 0, ([20, 30], False)),
        # The counter jumped.
        ([0, 20, 50], [9, 0, 5], 0, ([20, 30], False)),
        ([0, 20, 50], [0, 20, 25], 0, ([20, 30], False)),
        ([0, 20, 50], [0, 500, 505], 0, ([20, 30], False)),
        # Other threads of the process ran as well: the thread may wait for them.
        ([0, 20, 50], [0, 0, 20], 0.5, ([20, 10], True)),
        ([0, 20, 50], [0, 0, 20], 5, ([20, 30], False)),
    ],
)
def test_running_clock_leaves_out_what_the_thread_waited_for_a_core(
    running: Callable[..., tuple[list[float], bool]],
    walls: list[float],
    delays: list[float | None],
    others: float,
    told: tuple[list[float], bool],
) -> None:
    assert running(walls, delays, others) == told


def test_a_mark_is_read_again_where_the_thread_was_taken_off_its_core_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([0, 4_000_000, 4_001_000, 4_002_000])
    monkeypatch.setattr(Held, "perf_counter_ns", staticmethod(lambda: next(times)))
    assert RunningClock(FakeDelay()).mark() == (4_002_000, 0)  # type: ignore[arg-type]


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


class CountingClock(SynchronizedClock):
    """A second passes with each reading; waits are counted."""

    def __init__(self) -> None:
        self.waits = 0
        self.seconds: Iterator[int] = iter(range(100))
        super().__init__(self.count)

    def count(self) -> None:
        self.waits += 1

    def mark(self) -> int:
        super().mark()
        return next(self.seconds) ** 2 * 10**9


@pytest.fixture
def timer() -> DeviceTimer:
    return DeviceTimer(torch.device("cpu"), CountingClock())


def test_timer_times_a_block(timer: DeviceTimer) -> None:
    with timer as timing:
        pass
    assert timing.elapsed_s == 1.0
    assert repr(timing) == "BlockTiming(elapsed_s=1.0)"
    with pytest.raises(UsageError, match=r"of one block: read elapsed_s; device_timer\(fn\) has per_call_s"):
        _ = timing.per_call_s


def test_timer_waits_for_the_device_before_and_after(timer: DeviceTimer) -> None:
    clock = timer._clock
    assert isinstance(clock, CountingClock)
    with timer:
        assert clock.waits >= 1
        before = clock.waits
    assert clock.waits > before


def test_timer_may_be_nested(timer: DeviceTimer) -> None:
    with timer as outer, timer as inner:
        pass
    assert (inner.elapsed_s, outer.elapsed_s) == (4.0 - 1.0, 9.0 - 0.0)


def test_timing_read_inside_its_block_is_an_error(timer: DeviceTimer) -> None:
    with timer as timing, pytest.raises(UsageError, match="read before its block was left"):
        _ = timing.elapsed_s


def test_error_in_the_block_is_passed_on_without_waiting(timer: DeviceTimer) -> None:
    def run() -> BlockTiming:
        with timer as timing:
            timings.append(timing)
            raise ZeroDivisionError
        return timing

    timings: list[BlockTiming] = []
    with pytest.raises(ZeroDivisionError):
        run()
    with pytest.raises(UsageError, match="or the block failed"):
        _ = timings[0].elapsed_s
    with timer as after:
        pass
    assert after.elapsed_s == 3.0


def test_timer_calls_a_function_with_its_arguments(timer: DeviceTimer) -> None:
    calls: list[tuple[int, int]] = []
    timing = timer(lambda a, b: calls.append((a, b)), 1, b=2, repeat=3, warmup=1)
    assert calls == [(1, 2)] * 4
    # Readings at 0, 1, 4, 9, 16, 25 s.
    assert timing.samples_s == (1.0, 5.0, 9.0)
    assert (timing.per_call_s, timing.median_s, timing.mean_s, timing.min_s) == (5.0, 5.0, 5.0, 1.0)
    assert repr(timing) == "CallTiming(per_call_s=5.0, samples_s=(1.0, 5.0, 9.0))"
    with pytest.raises(UsageError, match=r"of 3 calls: read per_call_s for one of them, or sum\(samples_s\) for all; "):
        _ = timing.elapsed_s


@pytest.mark.parametrize("counts", [{"repeat": 0}, {"warmup": -1}])
def test_timer_refuses_counts_that_make_no_sense(timer: DeviceTimer, counts: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="repeat is at least 1"):
        timer(int, **counts)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (0.5, r"device_timer calls what it is given, and cannot call 0\.5; pass a function$"),
        (SimpleNamespace(forward=int), r"; pass a function, such as its forward: device_timer\(model\.forward\)$"),
    ],
)
def test_timer_refuses_what_it_cannot_call(timer: DeviceTimer, given: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        timer(given)  # type: ignore[arg-type]


def test_fallback_clock_synchronizes_its_own_device(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[torch.device] = []
    monkeypatch.setattr(torch.accelerator, "synchronize", waited.append)
    clocks.synchronized_clock(torch.device("xpu", 3)).synchronize()
    assert waited == [torch.device("xpu", 3)]

"""Clocks and the device timer. Devices are played by fakes; no wall time is asserted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.host.clock import Held
from pytest_modelbench.measure import clocks
from pytest_modelbench.measure.clocks import CudaClock, EventClock, SynchronizedClock, clock_for
from pytest_modelbench.measure.cpu_clocks import CpuClock
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

"""Clocks that time what a device does: one small protocol, and a clock per kind of device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.host.clock import Held
from pytest_modelbench.measure.cpu_clocks import CpuClock, LeftOut, RunningClock

if TYPE_CHECKING:
    import torch

__tracebackhide__ = hide_own_frames


class Clock(Protocol):
    """Times what happens between marks.

    ``mark`` is cheap and records *now* in the order of the device's work, without waiting for it. ``elapsed_s`` waits
    for the device once, and only then reads all marks: a wait between two marks would idle the device and be measured.
    """

    @property
    def name(self) -> str:
        """Which clock this is, for messages."""

    @property
    def left_out(self) -> LeftOut:
        """What is not in the time that was read last."""

    def mark(self) -> Any:
        """A point in time, to be handed to `elapsed_s`."""

    def elapsed_s(self, marks: Sequence[Any]) -> list[float]:
        """Seconds between consecutive ``marks``, one fewer than there are marks."""

    def synchronize(self) -> None:
        """Wait until the device has done everything asked of it so far."""


class SynchronizedClock(CpuClock):
    """Clock of the CPU that waits for an accelerator before it reads: right for any device and any stream.

    Each mark idles the device, so a mark costs a launch latency. For blocks of code, and where events cannot be timed.
    """

    name = "synchronized perf_counter"

    def __init__(self, synchronize: Callable[[], object]) -> None:
        self._synchronize = synchronize

    def mark(self) -> int:
        """Nanoseconds of a monotonic clock, once the device is done."""
        self._synchronize()
        return Held.perf_counter_ns()

    def synchronize(self) -> None:
        """Wait for the device."""
        self._synchronize()


class EventClock:
    """Clock of a stream: events that the device itself stamps when it gets to them.

    ``record`` makes an event with timing in the device's current stream.
    """

    left_out = LeftOut()

    def __init__(self, name: str, record: Callable[[], Any], synchronize: Callable[[], object]) -> None:
        self.name = name
        self._record = record
        self._synchronize = synchronize

    def mark(self) -> Any:
        """An event in the current stream."""
        return self._record()

    def elapsed_s(self, marks: Sequence[Any]) -> list[float]:
        """Seconds between consecutive events, after one wait for the device."""
        self._synchronize()
        return [earlier.elapsed_time(later) / 1e3 for earlier, later in pairwise(marks)]  # events count milliseconds

    def synchronize(self) -> None:
        """Wait for the device."""
        self._synchronize()


class CudaClock(EventClock):
    """CUDA events in the current stream of ``device``; resolution about 0.5 us (CUDA runtime, cudaEventElapsedTime)."""

    def __init__(self, device: torch.device) -> None:
        from torch import cuda

        def record() -> Any:
            event = cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            # Named explicitly: without it the event lands on the current device, which may be another one.
            event.record(cuda.current_stream(device))
            return event

        super().__init__("cuda events", record, lambda: cuda.synchronize(device))


class AcceleratorClock(EventClock):
    """Events of any other accelerator, through ``torch.accelerator``; raises RuntimeError where it cannot time them."""

    def __init__(self, device: torch.device) -> None:
        import torch

        def record() -> Any:
            event = torch.Event(device, enable_timing=True)
            event.record(torch.accelerator.current_stream(device))
            return event

        super().__init__(f"{device.type} events", record, lambda: torch.accelerator.synchronize(device))
        # Whether a backend times its events shows only when two of them are compared.
        self.elapsed_s([self.mark(), self.mark()])


def clock_for(device: torch.device) -> Clock:
    """The best clock for ``device``; raises UsageError for the meta device, which computes nothing."""
    if device.type == "cpu":
        return RunningClock()
    if device.type == "cuda":
        return CudaClock(device)
    if device.type == "meta":
        raise _nothing_to_time()
    try:
        return AcceleratorClock(device)
    except (RuntimeError, NotImplementedError):
        return synchronized_clock(device)


def synchronized_clock(device: torch.device) -> Clock:
    """A clock that waits for ``device`` at each mark, whatever streams were used; UsageError for the meta device."""
    if device.type == "cpu":
        return CpuClock()
    if device.type == "meta":
        raise _nothing_to_time()
    import torch

    return SynchronizedClock(lambda: torch.accelerator.synchronize(device))


def _nothing_to_time() -> UsageError:
    return UsageError("the meta device computes nothing, so there is no time to measure; choose another: --device=cpu")

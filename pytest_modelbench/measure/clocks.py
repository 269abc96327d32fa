"""Clocks that time what a device does: one small protocol, and a clock per kind of device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.host.clock import Held
from pytest_modelbench.host.run_delay import RunDelay

if TYPE_CHECKING:
    import torch

#: Two clocks that are read one right after the other are read within microseconds.
_AT_ONCE_NS = 50_000
_READ_TRIES = 3
#: Threads that only listen for the controller use far less of the time; one that computes has this at once.
_OTHERS_SHARE = 0.01

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
    def waits_left_out(self) -> bool:
        """Whether what was read last is without the time that the thread waited for a core."""

    def mark(self) -> Any:
        """A point in time, to be handed to `elapsed_s`."""

    def elapsed_s(self, marks: Sequence[Any]) -> list[float]:
        """Seconds between consecutive ``marks``, one fewer than there are marks."""

    def synchronize(self) -> None:
        """Wait until the device has done everything asked of it so far."""


class CpuClock:
    """Clock of the CPU, which is done with a call when the call returns."""

    name = "perf_counter"
    waits_left_out = False  #: of what was read last, what the thread waited for a core

    def mark(self) -> int:
        """Nanoseconds of a monotonic clock."""
        return Held.perf_counter_ns()

    def elapsed_s(self, marks: Sequence[int]) -> list[float]:
        """Seconds between consecutive ``marks``."""
        return [(later - earlier) / 1e9 for earlier, later in pairwise(marks)]

    def synchronize(self) -> None:
        """Return at once: a call of the CPU is done when it returns."""


class RunningClock(CpuClock):
    """Clock of the CPU that leaves out the time in which its thread could have run, and waited for a core.

    What others do on the core is no work of the thread. Time in which it sleeps, waits for a lock or reads a file is:
    that stays counted, as it would not in CPU time. Where the system does not tell, or tells what cannot be, time is
    what the wall shows; likewise where other threads of the process run, which the thread may wait for.
    """

    name = "perf_counter less run delay"

    def __init__(self, delay: RunDelay | None = None) -> None:
        self._delay = delay or RunDelay()
        self._others_ns = _of_other_threads_ns()

    def mark(self) -> tuple[int, int | None]:  # type: ignore[override]
        """Nanoseconds of a monotonic clock, and of delay, read at one moment."""
        for _ in range(_READ_TRIES):
            before_ns, delay_ns = Held.perf_counter_ns(), self._delay.read_ns()
            now_ns = Held.perf_counter_ns()
            if now_ns - before_ns < _AT_ONCE_NS:
                break  # else the thread was taken off its core in between
        return now_ns, delay_ns

    def elapsed_s(self, marks: Sequence[tuple[int, int | None]]) -> list[float]:  # type: ignore[override]
        """Seconds between consecutive ``marks`` without delay."""
        walls_ns = [later[0] - earlier[0] for earlier, later in pairwise(marks)]
        alone = _of_other_threads_ns() - self._others_ns <= _OTHERS_SHARE * sum(walls_ns)
        told = [delay_ns for _, delay_ns in marks if delay_ns is not None]
        delays_ns = [later - earlier for earlier, later in pairwise(told)]
        # A counter may jump where a process was moved, suspended or restored.
        possible = len(told) == len(marks) and all(map(_possible, walls_ns, delays_ns))
        self.waits_left_out = alone and possible
        if not self.waits_left_out:
            return [wall_ns / 1e9 for wall_ns in walls_ns]
        return [(wall_ns - delay_ns) / 1e9 for wall_ns, delay_ns in zip(walls_ns, delays_ns, strict=True)]

    def synchronize(self) -> None:
        """Return at once, as a call of the CPU is done when it returns; samples begin."""
        self._others_ns = _of_other_threads_ns()


def _possible(wall_ns: int, delay_ns: int) -> bool:
    return 0 <= delay_ns < wall_ns or wall_ns == delay_ns == 0


def _of_other_threads_ns() -> int:
    """CPU time that threads of this process other than the calling one have used."""
    return Held.process_time_ns() - Held.thread_time_ns()


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

    waits_left_out = False

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

"""Time of any piece of code on a device, for plain asserts: a block, or repeated calls of a function."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from types import TracebackType
from typing import Any

import torch

from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.measure.clocks import Clock, synchronized_clock

__tracebackhide__ = hide_own_frames


class BlockTiming:
    """Seconds of a block under a `DeviceTimer`; they can be read once the block is left."""

    __slots__ = ("_elapsed_s",)

    def __init__(self, elapsed_s: float | None = None) -> None:
        self._elapsed_s = elapsed_s

    @property
    def elapsed_s(self) -> float:
        """Seconds of the whole block. Raises UsageError inside the block."""
        if self._elapsed_s is None:
            raise UsageError(
                "this timing is read before its block was left (or the block failed); read it after the with statement"
            )
        return self._elapsed_s

    @property
    def per_call_s(self) -> float:
        """Raises UsageError: nobody knows of calls here."""
        raise UsageError("this is the timing of one block: read elapsed_s; device_timer(fn) has per_call_s")

    def __repr__(self) -> str:
        return f"BlockTiming(elapsed_s={self._elapsed_s})"


class CallTiming:
    """Seconds of repeated calls of a function, call by call."""

    __slots__ = ("samples_s",)

    def __init__(self, samples_s: tuple[float, ...]) -> None:
        self.samples_s = samples_s  #: of each call, in their order

    @property
    def per_call_s(self) -> float:
        """Seconds of a call: the median."""
        return self.median_s

    @property
    def median_s(self) -> float:
        """Median of the calls."""
        return statistics.median(self.samples_s)

    @property
    def mean_s(self) -> float:
        """Mean of the calls."""
        return statistics.fmean(self.samples_s)

    @property
    def min_s(self) -> float:
        """The fastest call."""
        return min(self.samples_s)

    @property
    def elapsed_s(self) -> float:
        """Raises UsageError: a sum over calls would be taken for the time of one."""
        raise UsageError(
            f"this is the timing of {len(self.samples_s)} calls: read per_call_s for one of them, or sum(samples_s) "
            "for all; elapsed_s is of a block, with device_timer as timing"
        )

    def __repr__(self) -> str:
        return f"CallTiming(per_call_s={self.per_call_s}, samples_s={self.samples_s})"


class DeviceTimer:
    """Times code on ``device``, which is synchronized before and after: whatever the code started counts.

    As a context manager it times a block; called with a function, it times calls of that. May be nested. A ``clock`` of
    one's own is one whose marks wait for the device.
    """

    def __init__(self, device: torch.device, clock: Clock | None = None) -> None:
        self._clock = clock or synchronized_clock(device)
        self._open: list[tuple[BlockTiming, Any]] = []
        self.used = False  #: whether anything was timed

    def __enter__(self) -> BlockTiming:
        self.used = True
        timing = BlockTiming()
        self._open.append((timing, self._clock.mark()))
        return timing

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        timing, start = self._open.pop()
        # After an error the device may not answer any more, and waiting for it would hide the error.
        if error is None:
            (timing._elapsed_s,) = self._clock.elapsed_s([start, self._clock.mark()])

    def __call__(
        self, fn: Callable[..., object], *args: object, repeat: int = 10, warmup: int = 2, **kwargs: object
    ) -> CallTiming:
        """Timing of ``repeat`` calls of ``fn(*args, **kwargs)``, one sample each, after ``warmup`` untimed ones."""
        if not callable(fn):
            way_out = ", such as its forward: device_timer(model.forward)" if hasattr(fn, "forward") else ""
            raise UsageError(f"device_timer calls what it is given, and cannot call {fn!r}; pass a function{way_out}")
        if repeat < 1 or warmup < 0:
            raise UsageError(f"device timer: repeat={repeat}, warmup={warmup}; repeat is at least 1, warmup at least 0")
        for _ in range(warmup):
            fn(*args, **kwargs)
        timings = []
        for _ in range(repeat):
            with self as timing:
                fn(*args, **kwargs)
            timings.append(timing)
        return CallTiming(tuple(timing.elapsed_s for timing in timings))

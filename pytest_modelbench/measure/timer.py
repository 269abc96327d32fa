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


class Timing:
    """Seconds measured by a `DeviceTimer`; those of a block can be read once the block is left."""

    __slots__ = ("_samples_s",)

    def __init__(self, samples_s: tuple[float, ...] = ()) -> None:
        self._samples_s = samples_s

    @property
    def samples_s(self) -> tuple[float, ...]:
        """One number per call; one in all for a block. Raises UsageError inside the block."""
        if not self._samples_s:
            raise UsageError(
                "this timing is read before its block was left (or the block failed); read it after the with statement"
            )
        return self._samples_s

    @property
    def elapsed_s(self) -> float:
        """Sum of all samples."""
        return sum(self.samples_s)

    @property
    def median_s(self) -> float:
        """Median of the samples."""
        return statistics.median(self.samples_s)

    @property
    def min_s(self) -> float:
        """The fastest sample."""
        return min(self.samples_s)

    def __repr__(self) -> str:
        return f"Timing(samples_s={self._samples_s})"


class DeviceTimer:
    """Times code on ``device``, which is synchronized before and after: whatever the code started counts.

    As a context manager it times a block; called with a function, it times calls of that. May be nested. A ``clock`` of
    one's own is one whose marks wait for the device.
    """

    def __init__(self, device: torch.device, clock: Clock | None = None) -> None:
        self._clock = clock or synchronized_clock(device)
        self._open: list[tuple[Timing, Any]] = []

    def __enter__(self) -> Timing:
        timing = Timing()
        self._open.append((timing, self._clock.mark()))
        return timing

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        timing, start = self._open.pop()
        # After an error the device may not answer any more, and waiting for it would hide the error.
        if error is None:
            timing._samples_s = tuple(self._clock.elapsed_s([start, self._clock.mark()]))

    def __call__(
        self, fn: Callable[..., object], *args: object, repeat: int = 10, warmup: int = 2, **kwargs: object
    ) -> Timing:
        """Timing of ``repeat`` calls of ``fn(*args, **kwargs)``, one sample each, after ``warmup`` untimed ones."""
        if repeat < 1 or warmup < 0:
            raise UsageError(f"device timer: repeat={repeat}, warmup={warmup}; repeat is at least 1, warmup at least 0")
        for _ in range(warmup):
            fn(*args, **kwargs)
        timings = []
        for _ in range(repeat):
            with self as timing:
                fn(*args, **kwargs)
            timings.append(timing)
        return Timing(tuple(timing.elapsed_s for timing in timings))

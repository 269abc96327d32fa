"""Something that is called over and over and timed: warmed up, calibrated, and the seconds of its samples."""

from __future__ import annotations

import gc
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

from pytest_modelbench.core.errors import MeasureError, hide_own_frames
from pytest_modelbench.host.clock import Held
from pytest_modelbench.measure.clocks import Clock
from pytest_modelbench.measure.plan import SamplingPlan

if TYPE_CHECKING:
    import torch

__tracebackhide__ = hide_own_frames

# Two groups in a row that are not 2 % faster than the fastest before: less than that is noise, not warming up.
_SETTLED_GROUPS = 2
_FASTER = 0.98
# A group grows at most tenfold at a time: the first call may have been slow, or fast, for reasons of its own.
_GROWTH = 10
# So many Python calls take microseconds, which any clock tells. Waiting longer would be minutes, of a slow model.
_TIMEABLE_CALLS = 100
# Calls whose launching is timed: the fastest of a few is what it takes, undisturbed.
_ENQUEUED = 5
# 10 million Python calls take longer than any `min_sample_s` in use: only a clock that stands still gets here.
_MOST_CALLS = 10**7


@dataclass(frozen=True, slots=True)
class Workload:
    """A warmed-up callable and how many calls make a sample."""

    call: Callable[[], object]
    what: str  #: for messages: target or reference
    inner: int
    pace_s: float  # per call, at its fastest
    warmup: int
    rewarm: bool = False  # one untimed call first, where the other workload was before


def warm_up(call: Callable[[], object], what: str, clock: Clock, plan: SamplingPlan) -> Workload:
    """Calls in groups that grow to the length of a sample, until they stop getting faster or a limit is reached."""
    inner, calls, groups, steady, spent_s, pace_s = 1, 0, 0, 0, 0.0, math.inf
    while True:
        group = Workload(call, what, inner, pace_s, calls)
        (elapsed_s,) = _laps([group], clock)
        if not (math.isfinite(elapsed_s) and elapsed_s >= 0):
            raise _unusable(elapsed_s, group, clock)
        calls, groups, spent_s = calls + inner, groups + 1, spent_s + (elapsed_s if groups else 0.0)
        # Half a sample is long enough to judge by; anything shorter only serves to find the number of calls.
        if elapsed_s >= plan.min_sample_s / 2:
            steady = steady + 1 if elapsed_s / inner >= _FASTER * pace_s else 0
            out_of_patience = groups >= plan.max_warmup or spent_s >= plan.warmup_s
            if groups >= plan.min_warmup and (steady >= _SETTLED_GROUPS or out_of_patience):
                pace_s = min(pace_s, elapsed_s / inner)
                rewarm = pace_s < plan.rewarm_below_s
                return Workload(call, what, math.ceil(plan.min_sample_s / pace_s), pace_s, calls, rewarm)
        elif inner >= _MOST_CALLS:
            raise _unusable(elapsed_s, group, clock)
        if elapsed_s == 0 and inner >= _TIMEABLE_CALLS:
            raise MeasureError(
                f"the {clock.name} clock stands still: 0 s for {inner} calls of the {what}. Something has replaced "
                "Python's clocks (freezegun, time-machine); end it before anything is timed"
            )
        pace_s = min(pace_s, elapsed_s / inner or math.inf)
        wanted = plan.min_sample_s * inner / elapsed_s if elapsed_s else math.inf
        inner = max(inner, math.ceil(min(wanted, _GROWTH * inner)))


def seconds_of(steps: Sequence[Workload], clock: Clock) -> list[float]:
    """Seconds per iteration of a sample of each of ``steps``, one right after the other.

    Raises MeasureError if one of them is not finite and positive.
    """
    found = []
    for step, elapsed_s in zip(steps, _laps(steps, clock), strict=True):
        if not (math.isfinite(elapsed_s) and elapsed_s > 0):
            raise _unusable(elapsed_s, step, clock)
        found.append(elapsed_s / step.inner)
    return found


def enqueue_s(call: Callable[[], object], clock: Clock, now: Callable[[], float] = Held.perf_counter) -> float:
    """Seconds of the CPU until ``call`` returns, at its fastest, on a device at rest that works it off meanwhile.

    Where that is about what the device takes, the model is bound by launching: no faster device makes it faster.
    """
    found = []
    for _ in range(_ENQUEUED):
        clock.synchronize()
        start = now()
        call()
        found.append(now() - start)
    clock.synchronize()
    return min(found)


def waits_by_itself(call: Callable[[], object], device: torch.device) -> bool:
    """Whether ``call`` waits for a CUDA device before it returns, as for an ``.item()``, and so hides its launching."""
    if device.type != "cuda":
        return False
    import torch

    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            call()
        finally:
            torch.cuda.set_sync_debug_mode(before)
    return any("synchroniz" in str(one.message) for one in told)


def _laps(steps: Sequence[Workload], clock: Clock) -> list[float]:
    """Seconds of each step, each from a device at rest, all read after the last one.

    While a device still has work to do, the CPU runs ahead of it: what came before would hide what it takes to launch
    a step, or a part of it.
    """
    with _collector_off():
        marks: list[Any] = []
        timed: list[int] = []
        before: Workload | None = None
        for step in steps:
            call = step.call
            if step.rewarm and step is not before:
                call()
            clock.synchronize()
            timed.append(len(marks))
            marks.append(clock.mark())
            for _ in repeat(None, step.inner):
                call()
            marks.append(clock.mark())
            before = step
        laps_s = clock.elapsed_s(marks)
        return [laps_s[position] for position in timed]


@contextmanager
def _collector_off() -> Iterator[None]:
    """No garbage collection inside: a full one takes longer than many samples."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _unusable(elapsed_s: float, step: Workload, clock: Clock) -> MeasureError:
    return MeasureError(
        f"the {clock.name} clock measured {elapsed_s} s for {step.inner} calls of the {step.what}, which cannot be; "
        "check that the callable does its work when it is called, on the session's device"
    )

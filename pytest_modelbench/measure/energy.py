"""Joules of a call beside those of the reference workload, in windows long enough for the counter that tells them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from pytest_modelbench.core.errors import MeasureError, hide_own_frames
from pytest_modelbench.host.energy import EnergyMeter
from pytest_modelbench.measure.clocks import Clock

__tracebackhide__ = hide_own_frames

#: Updates of the counter that a window lasts: what happens between two of them is 1 % of it at most.
_UPDATES = 100
#: Seconds of a window at least: a power limit takes some tenths to act.
_LEAST_WINDOW_S = 1.0
#: Each has a window of the reference, two of the target, and one of the reference, as blocks of times have.
_ROUNDS = 2
_WARM_UP_S = 0.5
_UNWAITED_S = 0.05


@dataclass(frozen=True, slots=True)
class EnergySamples:
    """Joules per call of the target and of the reference, window by window."""

    target_j: tuple[float, ...]
    reference_j: tuple[float, ...]
    window_s: float

    @property
    def joules(self) -> float:
        """Joules per call of the target: the median of its windows."""
        return statistics.median(self.target_j)

    @property
    def log_ratio(self) -> float:
        """Log of the target's joules over the reference's, the mean over the windows of each."""
        means = (statistics.fmean(map(math.log, one)) for one in (self.target_j, self.reference_j))
        return next(means) - next(means)


def energy_samples(
    target: Callable[[], object], reference: Callable[[], object], meter: EnergyMeter, clock: Clock
) -> EnergySamples:
    """What a call of ``target`` takes, in turns with ``reference``; the device is waited for around each window.

    All that the device takes counts, what it takes when it rests among it, and what other programs have it do.
    """
    window_s = max(_LEAST_WINDOW_S, _UPDATES * meter.update_s)
    taken: dict[str, list[float]] = {"target": [], "reference": []}
    for call in (target, reference):
        _window(call, _WARM_UP_S, meter, clock)
    for _ in range(_ROUNDS):
        for what, call in (
            ("reference", reference), ("target", target), ("target", target), ("reference", reference),
        ):  # fmt: skip
            taken[what].append(_window(call, window_s, meter, clock))
    if min(*taken["target"], *taken["reference"]) <= 0:
        raise MeasureError(
            f"{meter.name} says that {window_s:.1f} s took no energy: its counter stands still, so nothing can be told"
        )
    return EnergySamples(tuple(taken["target"]), tuple(taken["reference"]), window_s)


def _window(call: Callable[[], object], window_s: float, meter: EnergyMeter, clock: Clock) -> float:
    """Joules per call over a window of at least so many seconds."""
    clock.synchronize()
    start, start_j, calls, lasted_s = clock.mark(), meter.joules(), 0, 0.0
    while lasted_s < window_s:
        # Between two waits the device has enough to do not to rest.
        for _ in range(max(1, int(_UNWAITED_S * calls / lasted_s)) if lasted_s else 1):
            call()
            calls += 1
        clock.synchronize()
        (lasted_s,) = clock.elapsed_s([start, clock.mark()])
    return (meter.joules() - start_j) / calls

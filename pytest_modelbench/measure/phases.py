"""Samples of something that is done in phases, such as a training step, with the time of each phase.

The loop is that of `measure.sampling`; a clock of its own notes where phases end. Pure, as that is: knows neither torch
nor what the phases are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_modelbench.core.errors import MeasureError, UsageError, hide_own_frames
from pytest_modelbench.measure.clocks import Clock
from pytest_modelbench.measure.cpu_clocks import LeftOut
from pytest_modelbench.measure.plan import SamplingPlan
from pytest_modelbench.measure.samples import Block, Samples
from pytest_modelbench.measure.sampling import Conditions, Lead, Target, sample
from pytest_modelbench.measure.workload import Workload, seconds_of

__tracebackhide__ = hide_own_frames

#: One iteration: it calls what it is given with the name of each phase as the phase ends.
Step = Callable[[Callable[[str], object]], object]


@dataclass(frozen=True, slots=True)
class PhasedSamples:
    """What one process measured: the whole step, and each of its phases beside the same reference samples.

    In every sample the phases add up to the whole.
    """

    whole: Samples
    phases: Mapping[str, Samples]

    def phase(self, name: str) -> Samples:
        """Samples of one phase; raises UsageError for one that was not timed."""
        if name not in self.phases:
            raise UsageError(f"there is no phase {name!r}; timed were {', '.join(self.phases)}")
        return self.phases[name]


@dataclass(frozen=True, slots=True)
class PhasedRuns:
    """Seconds per iteration of each phase, one number per run of ``iterations``."""

    iterations: int
    phases_s: Mapping[str, tuple[float, ...]]

    @property
    def runs(self) -> int:
        """How many runs there were."""
        return len(next(iter(self.phases_s.values())))

    def sum_s(self, *names: str) -> tuple[float, ...]:
        """Seconds per iteration of these phases together, run by run; of all of them without a name."""
        wanted = [self.phases_s[name] for name in names or self.phases_s]
        return tuple(math.fsum(run) for run in zip(*wanted, strict=True))


class PhaseClock:
    """A clock like the one it is made of, that is told where phases end as well.

    Marks inside an iteration are the same cheap ones as around a sample, and all are read together, at the end of a
    block. A phase reaches from the mark before to its own; what follows an iteration's last mark is counted to its last
    phase, so that phases always add up to the sample.
    """

    def __init__(self, clock: Clock, names: Sequence[str]) -> None:
        self.name = clock.name
        self._clock = clock
        self._names = tuple(names)
        self._marks: list[Any] = []
        self._ended: list[str] = []  # the phase that ends at each mark; empty at the marks around samples
        self._last: list[dict[str, float]] = []  # the laps with phases that were read last: seconds of each phase

    @property
    def left_out(self) -> LeftOut:
        """As of the clock that it is made of."""
        return self._clock.left_out

    def mark(self) -> int:
        """Where this mark is in the order of marks."""
        return self._mark("")

    def phase(self, name: str) -> None:
        """The phase ``name`` ends here."""
        self._mark(name)

    def synchronize(self) -> None:
        """Wait for the device."""
        self._clock.synchronize()

    def elapsed_s(self, marks: Sequence[int]) -> list[float]:
        """Seconds between consecutive ``marks``, for which the device is waited once.

        Raises MeasureError if there are phases in between, but not the expected ones.
        """
        # What lies before the first mark was not to be timed: a call to get warm again.
        first, last = marks[0], marks[-1]
        seconds = self._clock.elapsed_s(self._marks[first : last + 1])
        ended = self._ended[first + 1 : last + 1]
        self._marks, self._ended = [], []
        laps_s: list[float] = []
        phased: list[dict[str, float]] = []
        parts: list[tuple[str, float]] = []
        for name, elapsed_s in zip(ended, seconds, strict=True):
            # The rest up to the mark around the sample belongs to the phase before; without one there are no phases.
            parts.append((name or (parts[-1][0] if parts else ""), elapsed_s))
            if not name:
                laps_s.append(math.fsum(part_s for _, part_s in parts))
                if parts[0][0]:
                    phased.append(self._together(parts))
                parts = []
        self._last = phased
        return laps_s

    def samples_s(self, count: int, inner: int) -> list[tuple[float, ...]]:
        """Seconds of each phase per iteration, of ``inner``, in the ``count`` laps with phases that were read last.

        Raises MeasureError if a phase's time is not finite and positive, or the laps have no phases.
        """
        # Before them there may be a lap that was not to be timed: the call after another workload.
        laps = self._last[-count:]
        if len(laps) < count:
            raise MeasureError(f"a step marked no phases at all, and was to mark {', '.join(self._names)}")
        for name, elapsed_s in (item for lap in laps for item in lap.items()):
            if not (math.isfinite(elapsed_s) and elapsed_s > 0):
                raise MeasureError(
                    f"the {self.name} clock measured {elapsed_s} s for the phase {name!r} of {inner} calls, which "
                    "cannot be; time something larger, or the step as a whole"
                )
        return [tuple(lap[name] / inner for name in self._names) for lap in laps]

    def _mark(self, ended: str) -> int:
        self._marks.append(self._clock.mark())
        self._ended.append(ended)
        return len(self._marks) - 1

    def _together(self, parts: Sequence[tuple[str, float]]) -> dict[str, float]:
        """Seconds of each phase, in the order of the names."""
        found = {name for name, _ in parts}
        if found != set(self._names):
            raise MeasureError(
                f"a step marked the end of {', '.join(sorted(found))}, and was to mark {', '.join(self._names)}"
            )
        return {name: math.fsum(part_s for part, part_s in parts if part == name) for name in self._names}


def phased(step: Step, names: Sequence[str], clock: Clock) -> Target:
    """``step`` as something to be sampled, with the seconds of its phases ``names``."""
    timer = PhaseClock(clock, names)
    return Target(lambda: step(timer.phase), timer, timer.samples_s)


def sample_phases(
    step: Step,
    names: Sequence[str],
    clock: Clock,
    lead: Lead,
    plan: SamplingPlan | None = None,
    conditions: Conditions | None = None,
) -> PhasedSamples:
    """Samples of ``step`` and of its phases ``names``, taken as `sampling.sample` takes them.

    Raises MeasureError if a time is not finite and positive, or if the step marks other phases.
    """
    return split(sample(phased(step, names, clock), lead, plan, conditions), names)


def split(whole: Samples, names: Sequence[str]) -> PhasedSamples:
    """Samples of a `phased` target, and views of them with the times of one phase in place of the whole's."""
    return PhasedSamples(
        whole,
        {
            name: replace(
                whole,
                blocks=tuple(
                    Block(tuple(phases_s[position] for phases_s in block.phases_s), block.reference_s)
                    for block in whole.blocks
                ),
            )
            for position, name in enumerate(names)
        },
    )


def sample_runs(step: Step, names: Sequence[str], clock: Clock, *, runs: int = 10, iterations: int = 10) -> PhasedRuns:
    """Seconds of each phase in ``runs`` of so many iterations each, of a step that is warm already.

    Without a reference workload, and without asking whether something disturbed them: for figures to be printed beside
    those that others measured so, not for a gate.
    """
    if runs < 1 or iterations < 1:
        raise UsageError(f"{runs} runs of {iterations} iterations: there is at least one of each")
    timer = PhaseClock(clock, names)
    work = Workload(lambda: step(timer.phase), "target", iterations, math.inf, 0)
    laps = []
    for _ in range(runs):
        seconds_of([work], timer)
        laps += timer.samples_s(1, iterations)
    return PhasedRuns(iterations, dict(zip(names, zip(*laps, strict=True), strict=True)))

"""Samples of something that is done in phases, such as a training step, with the time of each phase.

The loop is that of `measure.sampling` and `measure.lockstep`; a clock of its own notes where phases end. Pure, as they
are: knows neither torch nor what the phases are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_modelbench.core.errors import MeasureError, UsageError, hide_own_frames
from pytest_modelbench.measure.clocks import Clock
from pytest_modelbench.measure.lockstep import Turns, sample_in_turns
from pytest_modelbench.measure.sampling import Block, Samples, SamplingPlan, Workload, sample, take_block, timed

__tracebackhide__ = hide_own_frames

#: One iteration: it calls what it is given with the name of each phase as the phase ends.
Step = Callable[[Callable[[str], object]], object]


@dataclass(frozen=True, slots=True)
class PhasedBlock(Block):
    """A block with seconds per iteration of each phase in its two target samples, in the order of the names."""

    phases_s: tuple[tuple[float, float], ...] = ()


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
        #: Of every reading so far, the laps with phases in them: seconds of each phase.
        self.readings: list[list[dict[str, float]]] = []

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
        self.readings.append(phased)
        return laps_s

    def samples_s(self, reading: int, count: int, inner: int) -> list[tuple[float, ...]]:
        """Seconds of each phase per iteration, of ``inner``, in the last ``count`` laps of a reading.

        Raises MeasureError if a phase's time is not finite and positive, or the laps have no phases.
        """
        laps = self.readings[reading][-count:]
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


def sample_phases(
    step: Step,
    names: Sequence[str],
    reference: Callable[[], object] | None,
    clock: Clock,
    plan: SamplingPlan | None = None,
    *,
    disturbed: Callable[[], bool] | None = None,
    renew: Callable[[], object] | None = None,
    calm_s: float | None = None,
) -> PhasedSamples:
    """Samples of ``step`` and of its phases ``names``, taken as `sampling.sample` takes them.

    Raises MeasureError if a time is not finite and positive, or if the step marks other phases.
    """
    timer = PhaseClock(clock, names)

    def take(steps: Sequence[Workload], clock: Clock) -> Block:
        block = take_block(steps, clock)
        inner = next(work.inner for work in steps if work.what == "target")
        # Before them there may be a lap that was not timed: the call after another workload.
        first, second = timer.samples_s(-1, 2, inner)
        return PhasedBlock(block.target_s, block.reference_s, tuple(zip(first, second, strict=True)))

    whole = sample(
        lambda: step(timer.phase), reference, timer, plan, disturbed=disturbed, renew=renew, calm_s=calm_s, take=take
    )
    blocks = [block.phases_s for block in whole.blocks if isinstance(block, PhasedBlock)]
    return _phased(whole, names, blocks)


def sample_phases_in_turns(
    step: Step,
    names: Sequence[str],
    clock: Clock,
    turns: Turns,
    case: str,
    plan: SamplingPlan | None = None,
    *,
    disturbed: Callable[[], bool] | None = None,
    renew: Callable[[], object] | None = None,
) -> tuple[PhasedSamples, int]:
    """Samples of ``step`` and of its phases, taken as `lockstep.sample_in_turns` takes them; the timing's number."""
    timer = PhaseClock(clock, names)
    whole, number = sample_in_turns(
        lambda: step(timer.phase), timer, turns, case, plan, disturbed=disturbed, renew=renew
    )
    # Every sample is a reading, and the readings before are of the warm-up.
    count = 2 * len(whole.blocks)
    laps = [lap for back in range(-count, 0) for lap in timer.samples_s(back, 1, whole.inner_target)]
    blocks = [tuple(zip(first, second, strict=True)) for first, second in zip(laps[::2], laps[1::2], strict=True)]
    return _phased(whole, names, blocks), number


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
        timed(work, timer)
        laps += timer.samples_s(-1, 1, iterations)
    return PhasedRuns(iterations, dict(zip(names, zip(*laps, strict=True), strict=True)))


def _phased(whole: Samples, names: Sequence[str], blocks: Sequence[tuple[tuple[float, float], ...]]) -> PhasedSamples:
    """The whole, and views of it with the times of one phase in place of its own."""
    return PhasedSamples(
        whole,
        {
            name: replace(
                whole,
                blocks=tuple(
                    Block(phases_s[position], block.reference_s)
                    for block, phases_s in zip(whole.blocks, blocks, strict=True)
                ),
            )
            for position, name in enumerate(names)
        },
    )

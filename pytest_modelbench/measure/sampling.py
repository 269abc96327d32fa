"""The sampling loop: warm-up, calibration, and blocks of reference, target, target, reference.

Pure: callables and a clock in, numbers out. Knows neither torch nor the machine.
"""

from __future__ import annotations

import gc
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import repeat

from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.core.errors import MeasureError, UsageError, hide_own_frames
from pytest_modelbench.core.records import SLOWED
from pytest_modelbench.measure.clocks import Clock

__tracebackhide__ = hide_own_frames

# Two groups in a row that are not 2 % faster than the fastest before: less than that is noise, not warming up.
_SETTLED_GROUPS = 2
_FASTER = 0.98
# A group grows at most tenfold at a time: the first call may have been slow, or fast, for reasons of its own.
_GROWTH = 10
#: How many memory layouts a process tries: where tensors happen to lie moved six models by 0.5-2 % from one layout to
#: the next, as much as a new process did.
_LAYOUTS = 4
# 10 million Python calls take longer than any `min_sample_s` in use: only a clock that stands still gets here.
_MOST_CALLS = 10**7


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """How much is measured. The defaults keep four models of 7, 28, 110 and 410 ms under 8 s per process.

    Blocks are few, since on a calm machine more of them do not bring processes closer together: eight over four memory
    layouts repeated as well as 24, and better than twelve over two (`tests/trials/layouts.py`). Where they disagree
    there are more of them: see `core.blocks`.
    """

    #: 20,000 times the 1 us that clocks resolve, and long against a timer interrupt; short enough for many blocks.
    min_sample_s: float = 0.020
    #: Target time to gather.
    target_s: float = 0.3
    #: The median over blocks survives one bad block of four, and each of four has a memory layout of its own.
    min_blocks: int = 4
    #: Fast targets stop here: two blocks in each memory layout.
    max_blocks: int = 8
    #: Where blocks disagree, as many more times the planned ones may follow,
    more_blocks: float = 2.0
    #: and take this time: a block that lasts averages over the noise by itself.
    more_s: float = 2.0
    #: Groups of calls: the first pays for lazy initialization, so at least one more.
    min_warmup: int = 2
    #: Something that keeps getting faster for 50 groups is drifting, not warming up.
    max_warmup: int = 50
    #: Time limit of the warm-up without its first group, which may compile for minutes. Slow targets stop after two.
    warmup_s: float = 0.3
    #: Calls shorter than this are made once more, untimed, after the other workload ran: it left its own data in the
    #: caches, which cost the first call of a 5 or 18 ms model 0.5 to 0.8 ms. Longer ones it cannot hurt.
    rewarm_below_s: float = 0.1
    #: Blocks that may be measured again, in planned ones: spells of a busy neighbour last for seconds.
    repeat_budget: float = 1.5
    #: And the time that this may take: a block longer than any spell is no calmer the second time.
    repeat_s: float = 20.0

    def __post_init__(self) -> None:
        sound = (
            0 < self.min_sample_s < math.inf
            and 0 <= self.target_s < math.inf
            and 1 <= self.min_blocks <= self.max_blocks
            and 1 <= self.min_warmup <= self.max_warmup
            and self.warmup_s >= 0
            and self.rewarm_below_s >= 0
            and 0 <= self.more_blocks < math.inf
            and 0 <= self.more_s < math.inf
            and 0 <= self.repeat_budget < math.inf
            and 0 <= self.repeat_s < math.inf
        )
        if not sound:
            raise UsageError(
                f"{self} cannot be followed: times are positive, and 1 <= min_blocks <= max_blocks, "
                "1 <= min_warmup <= max_warmup"
            )


@dataclass(frozen=True, slots=True)
class Block:
    """Seconds per iteration of the two target samples, and of the two reference samples around them, if any."""

    target_s: tuple[float, float]
    reference_s: tuple[float, float] | tuple[()] = ()

    @property
    def level(self) -> float:
        """Mean log T - mean log R: the target's time with the machine's speed of the moment taken out."""
        level = statistics.fmean(map(math.log, self.target_s))
        return level - statistics.fmean(map(math.log, self.reference_s)) if self.reference_s else level


@dataclass(frozen=True, slots=True)
class Samples:
    """What one process measured. ``repeated`` blocks were disturbed and replaced, ``disturbed`` ones had to stay.

    ``calm_s`` is the reference's time per call at its fastest so far, in this process or before; None without one.
    """

    blocks: tuple[Block, ...]
    inner_target: int  #: iterations per sample
    inner_reference: int
    warmup_iterations: int  #: of the target
    repeated: int = 0
    disturbed: int = 0
    calm_s: float | None = None

    @property
    def target_s(self) -> tuple[float, ...]:
        """Seconds per iteration, every sample in the order of measuring."""
        return tuple(sample for block in self.blocks for sample in block.target_s)

    @property
    def median_s(self) -> float:
        """Median seconds per iteration: what people read."""
        return statistics.median(self.target_s)

    @property
    def level(self) -> float:
        """Median over blocks of `Block.level`: what processes are compared by."""
        return statistics.median(block.level for block in self.blocks)


@dataclass(frozen=True, slots=True)
class Workload:
    """A warmed-up callable and how many calls make a sample."""

    call: Callable[[], object]
    what: str
    inner: int
    pace_s: float  # per call, at its fastest
    warmup: int
    rewarm: bool = False  # one untimed call first, where the other workload was before


def sample(
    target: Callable[[], object],
    reference: Callable[[], object] | None,
    clock: Clock,
    plan: SamplingPlan | None = None,
    *,
    disturbed: Callable[[], bool] | None = None,
    renew: Callable[[], object] | None = None,
    calm_s: float | None = None,
    take: Callable[[Sequence[Workload], Clock], Block] | None = None,
) -> Samples:
    """Samples of ``target`` with those of ``reference`` around them, both warmed up before.

    ``disturbed`` says whether the process was suspended or kept from running since it was last asked; it is asked
    before the first block and after each. A block in which the reference ran much slower than at its best is disturbed,
    too, whatever the target did; ``calm_s`` is the best that is known from before. ``renew`` moves what both work on to
    other places in memory; it is called a few times between blocks. ``take`` is what makes a block, `take_block` or
    something around it. Raises MeasureError if a time is not finite and positive.
    """
    plan, take = plan or SamplingPlan(), take or take_block
    # The reference first: what it leaves in the caches is what every block meets, and it wakes a sleeping device.
    aside = warm_up(reference, "reference", clock, plan) if reference else None
    main = warm_up(target, "target", clock, plan)
    steps = [aside, main, main, aside] if aside else [replace(main, rewarm=False)] * 2
    amount = amount_of(main, plan)
    blocks: list[Block] = []
    repeated = kept_disturbed = 0
    repeated_last = False
    calm_s = min(calm_s or math.inf, aside.pace_s if aside else math.inf)
    if disturbed:
        disturbed()
    while not amount.enough([block.level for block in blocks], repeated):
        if renew and blocks and len(blocks) % blocks_per_layout(amount.planned) == 0 and not repeated_last:
            renew()
            target()
            if disturbed:
                disturbed()
        block = take([step for step in steps if step], clock)
        calm_s = min(calm_s, *(block.reference_s or (calm_s,)))
        upset = bool(disturbed and disturbed()) or slowed(block, calm_s)
        repeated_last = upset and repeated < amount.repeats
        if repeated_last:
            repeated += 1
            continue
        kept_disturbed += upset
        blocks.append(block)
    return Samples(
        tuple(blocks), main.inner, aside.inner if aside else 0, main.warmup, repeated, kept_disturbed,
        calm_s if math.isfinite(calm_s) else None,
    )  # fmt: skip


def slowed(block: Block, calm_s: float) -> bool:
    """Whether the reference says that the machine was slower during ``block`` than it can be."""
    return bool(block.reference_s) and max(block.reference_s) > (1 + SLOWED) * calm_s


def amount_of(main: Workload, plan: SamplingPlan) -> Amount:
    """How many blocks of two samples gather the planned time, and how many more they may become."""
    taken_s = block_s(main)
    planned = min(max(math.ceil(plan.target_s / taken_s), plan.min_blocks), plan.max_blocks)
    more = math.floor(min(plan.more_blocks * planned, plan.more_s / taken_s))
    repeats = math.floor(min(plan.repeat_budget * planned, plan.repeat_s / taken_s))
    return Amount(planned, planned + more, repeats)


def blocks_per_layout(planned: int) -> int:
    """After how many of the ``planned`` blocks tensors move to other places in memory."""
    return math.ceil(planned / _LAYOUTS)


def block_s(main: Workload) -> float:
    """Seconds that the two samples of a block take."""
    return 2 * main.inner * main.pace_s


def timed(work: Workload, clock: Clock) -> float:
    """Seconds per iteration of one sample; raises MeasureError if it is not finite and positive."""
    (elapsed_s,) = _laps([work], clock)
    if not (math.isfinite(elapsed_s) and elapsed_s > 0):
        raise _unusable(elapsed_s, work, clock)
    return elapsed_s / work.inner


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
        pace_s = min(pace_s, elapsed_s / inner or math.inf)
        wanted = plan.min_sample_s * inner / elapsed_s if elapsed_s else math.inf
        inner = max(inner, math.ceil(min(wanted, _GROWTH * inner)))


def take_block(steps: Sequence[Workload], clock: Clock) -> Block:
    """One block: ``steps`` are the reference, the target twice, and the reference again, or the target twice alone."""
    times_s = []
    for step, elapsed_s in zip(steps, _laps(steps, clock), strict=True):
        if not (math.isfinite(elapsed_s) and elapsed_s > 0):
            raise _unusable(elapsed_s, step, clock)
        times_s.append(elapsed_s / step.inner)
    if len(times_s) == 2:
        return Block((times_s[0], times_s[1]))
    before, first, second, after = times_s
    return Block((first, second), (before, after))


def _laps(steps: Sequence[Workload], clock: Clock) -> list[float]:
    """Seconds of each step, from a device at rest, read after the last one."""
    with _collector_off():
        clock.synchronize()
        marks, timed = [clock.mark()], []
        before: Workload | None = None
        for step in steps:
            call = step.call
            if step.rewarm and step is not before:
                call()
                marks.append(clock.mark())
            timed.append(len(marks) - 1)
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

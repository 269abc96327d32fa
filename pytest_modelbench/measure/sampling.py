"""The sampling loop: blocks of reference, target, target, reference, or samples in turns with another process.

There is one loop. What is measured is a `Target`, with phases or without; who decides about the next samples is its
`Lead`: this process by itself (`Alone`), or the controlling process, which has two of them measure in turns
(`lockstep.InTurns`). Pure: callables and a clock in, numbers out. Knows neither torch nor the machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from pytest_modelbench.core.blocks import Amount, Enough
from pytest_modelbench.core.errors import hide_own_frames
from pytest_modelbench.core.measurement import SLOWED, SLOWED_BOOSTING
from pytest_modelbench.measure.clocks import Clock
from pytest_modelbench.measure.plan import SamplingPlan, blocks_per_layout
from pytest_modelbench.measure.samples import Block, Samples
from pytest_modelbench.measure.workload import Workload, seconds_of, warm_up

__tracebackhide__ = hide_own_frames

_SAMPLES_PER_BLOCK = 2
#: Blocks in a row that are made again since they were slowed: who is still there then is no passer-by. Where neighbours
#: compute on the same physical cores all day, nine of ten blocks are slowed, and to wait for the others takes all day.
_MOST_SLOWED_IN_A_ROW = 2


@dataclass(frozen=True, slots=True)
class Target:
    """What is measured: ``call`` is one iteration, and ``clock`` times it and whatever is measured beside it.

    ``phases_s(count, inner)``, if it has phases, are the seconds of each per iteration, in each of the ``count`` target
    samples of ``inner`` iterations that were read last.
    """

    call: Callable[[], object]
    clock: Clock
    phases_s: Callable[[int, int], list[tuple[float, ...]]] | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a measurement asks of the machine, and does to memory.

    ``disturbed`` says whether the process was suspended or kept from running since it was last asked. ``renew`` moves
    what is measured, and the reference, to other places in memory; it is called a few times between blocks. ``rest`` is
    called before what was disturbed is made again, and says whether it has waited.
    """

    disturbed: Callable[[], bool] = lambda: False
    renew: Callable[[], object] | None = None
    rest: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class SampleStart:
    """A warmed-up target, the ``steps`` of which one take consists, in order, and how many blocks are to be made."""

    main: Workload
    steps: Sequence[Workload]
    amount: Amount


class Lead(Protocol):
    """Who decides about the next take: the samples that are taken and read together, a block or a part of one."""

    @property
    def stops(self) -> bool:
        """Whether this process is stopped between takes: what happens meanwhile is no sample's."""

    def begin(self, target: Target, plan: SamplingPlan) -> SampleStart:
        """Warm up everything that is measured."""

    def more(self) -> bool:
        """Whether to make another take, once it is known."""

    def taken(self, take: Block, disturbed: bool) -> bool:
        """Whether ``take`` counts; if not, it is made again."""

    def samples(self, blocks: tuple[Block, ...], start: SampleStart) -> Samples:
        """What was measured, with what only the lead knows of it."""


class Alone:
    """This process decides by itself, beside the ``reference`` if it has one: as many blocks as their spread asks for.

    ``enough`` may ask for fewer. A block in which the reference ran much slower than at its best is made again,
    whatever the target did, unless it goes on so; ``best_reference_s`` is the best that is known from before. A device
    that ``boosts`` is fastest in short bursts: there only this sampling's own blocks tell, and of no other one. Leads
    one sampling.
    """

    stops = False

    def __init__(
        self,
        reference: Callable[[], object] | None = None,
        best_reference_s: float | None = None,
        *,
        enough: Enough = Enough.AGREEING,
        boosts: bool = False,
    ) -> None:
        self._reference = reference
        self._enough = enough
        self._boosts = boosts
        self._best_s = math.inf if boosts else best_reference_s or math.inf
        self._inner = 0
        self._amount = Amount(0, 0, 0)
        self._log_ratios: list[float] = []
        self._repeated = self._disturbed = self._slowed_in_a_row = 0

    def begin(self, target: Target, plan: SamplingPlan) -> SampleStart:
        # The reference first: what it leaves in the caches is what every block meets, and it wakes a sleeping device.
        aside = warm_up(self._reference, "reference", target.clock, plan) if self._reference else None
        main = warm_up(target.call, "target", target.clock, plan)
        self._amount = plan.amount(block_s(main)).asked(self._enough)
        if aside is None:
            main = replace(main, rewarm=False)
            return SampleStart(main, (main, main), self._amount)
        self._inner = aside.inner
        if not self._boosts:
            self._best_s = min(self._best_s, aside.pace_s)
        return SampleStart(main, (aside, main, main, aside), self._amount)

    def more(self) -> bool:
        return not self._amount.enough(self._log_ratios, self._repeated)

    def taken(self, take: Block, disturbed: bool) -> bool:
        self._best_s = min(self._best_s, *(take.reference_s or (self._best_s,)))
        slow = slowed(take, self._best_s, SLOWED_BOOSTING if self._boosts else SLOWED)
        again = disturbed or (slow and self._slowed_in_a_row < _MOST_SLOWED_IN_A_ROW)
        self._slowed_in_a_row = self._slowed_in_a_row + 1 if slow else 0
        if again and self._repeated < self._amount.repeats:
            self._repeated += 1
            return False
        self._disturbed += disturbed
        self._log_ratios.append(take.log_ratio)
        return True

    def samples(self, blocks: tuple[Block, ...], start: SampleStart) -> Samples:
        return Samples(
            blocks, start.main.inner, self._inner, start.main.warmup, self._repeated, self._disturbed,
            self._best_s if math.isfinite(self._best_s) and not self._boosts else None,
        )  # fmt: skip


def sample(
    target: Target, lead: Lead, plan: SamplingPlan | None = None, conditions: Conditions | None = None
) -> Samples:
    """Samples of ``target`` as its ``lead`` wants them, all of it warmed up before.

    Raises MeasureError if a time is not finite and positive.
    """
    conditions = conditions or Conditions()
    start = lead.begin(target, plan or SamplingPlan())
    takes: list[Block] = []
    takes_per_block = _SAMPLES_PER_BLOCK // _targets(start)
    takes_per_layout = takes_per_block * blocks_per_layout(start.amount.planned)
    again = False
    stale = True  # what happened during the warm-up is no take's
    while lead.more():
        if conditions.renew and takes and not again and len(takes) % takes_per_layout == 0:
            conditions.renew()
            target.call()
            stale = True
        if stale:
            conditions.disturbed()
        take = _take(target, start)
        again = not lead.taken(take, conditions.disturbed())
        stale = lead.stops
        if not again:
            takes.append(take)
        elif conditions.rest():
            target.call()
            stale = True
    while not takes or len(takes) % takes_per_block:
        takes.append(_take(target, start))
    blocks = (_joined(takes[first : first + takes_per_block]) for first in range(0, len(takes), takes_per_block))
    return lead.samples(tuple(blocks), start)


def slowed(block: Block, best_reference_s: float, most: float = SLOWED) -> bool:
    """Whether the reference says that the machine was slower during ``block`` than it can be, by more than ``most``."""
    return bool(block.reference_s) and max(block.reference_s) > (1 + most) * best_reference_s


def block_s(main: Workload) -> float:
    """Seconds that the target samples of a block take."""
    return _SAMPLES_PER_BLOCK * main.inner * main.pace_s


def _targets(start: SampleStart) -> int:
    """How many target samples a take has."""
    return sum(step is start.main for step in start.steps)


def _take(target: Target, start: SampleStart) -> Block:
    seconds = list(zip(start.steps, seconds_of(start.steps, target.clock), strict=True))
    phases_s = target.phases_s(_targets(start), start.main.inner) if target.phases_s else ()
    return Block(
        tuple(one_s for step, one_s in seconds if step is start.main),
        tuple(one_s for step, one_s in seconds if step is not start.main),
        tuple(phases_s),
    )


def _joined(takes: Sequence[Block]) -> Block:
    """The block that ``takes`` make together."""
    return Block(
        tuple(one_s for take in takes for one_s in take.target_s),
        tuple(one_s for take in takes for one_s in take.reference_s),
        tuple(phases_s for take in takes for phases_s in take.phases_s),
    )

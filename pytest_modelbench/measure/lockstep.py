"""Samples taken in turns with another process, which measures another revision of the same code."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.measure.plan import SamplingPlan
from pytest_modelbench.measure.samples import Block, Samples
from pytest_modelbench.measure.sampling import SampleStart, Target, block_s
from pytest_modelbench.measure.workload import warm_up

#: Calls of less are made once more, untimed, at the start of each turn: the process was stopped, and the other one has
#: used the caches since. A sample of longer calls is a single one, which that would double; and either side has as many
#: samples right after the other's.
_REWARM_BELOW_S = 0.020


class Turns(Protocol):
    """The worker's word with the controller about whose turn it is."""

    def ready(self, case: str, amount: Amount) -> int:
        """Say that ``case`` is warmed up, and how many blocks it would take; the number of this timing."""

    def wait(self) -> bool:
        """Whether to take a sample, once it is known; False: there are enough."""

    def done(self, log_ratio: float, disturbed: bool) -> None:
        """Hand over the sample: the mean log of its seconds, as there is no reference."""


class InTurns:
    """The controller decides: a sample at a time, after which the other process has its turn. Leads one sampling.

    Without another process to take turns with, the controller says so at once, and the fewest blocks are measured
    alone. ``timing`` is the number that this timing has in the test, once it has begun.
    """

    stops = True

    def __init__(self, turns: Turns, case: str) -> None:
        self._turns = turns
        self._case = case
        self.timing: int | None = None

    def begin(self, target: Target, plan: SamplingPlan) -> SampleStart:
        plan = replace(plan, rewarm_below_s=_REWARM_BELOW_S)
        main = warm_up(target.call, "target", target.clock, plan)
        amount = plan.amount(block_s(main))
        self.timing = self._turns.ready(self._case, amount)
        return SampleStart(main, (main,), amount)

    def more(self) -> bool:
        return self._turns.wait()

    def taken(self, take: Block, disturbed: bool) -> bool:
        # Whether it counts is decided over both processes, by whoever gets it: what is left out there does not matter
        # to what is kept here.
        self._turns.done(take.log_ratio, disturbed)
        return True

    def samples(self, blocks: tuple[Block, ...], start: SampleStart) -> Samples:
        return Samples(blocks, start.main.inner, 0, start.main.warmup)

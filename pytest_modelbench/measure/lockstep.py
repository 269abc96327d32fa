"""Samples taken in turns with a twin process, which measures another revision of the same code."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.measure.clocks import Clock
from pytest_modelbench.measure.sampling import (
    Block,
    Samples,
    SamplingPlan,
    amount_of,
    blocks_per_layout,
    timed,
    warm_up,
)

#: Calls of less are made once more, untimed, at the start of each turn: the process was stopped, and the twin has used
#: the caches since. Half a second does not feel it.
_REWARM_BELOW_S = 0.5


class Turns(Protocol):
    """The worker's word with the controller about whose turn it is."""

    def ready(self, case: str, amount: Amount) -> int:
        """Say that ``case`` is warmed up, and how many blocks it would take; the number of this timing."""

    def wait(self) -> bool:
        """Whether to take a sample, once it is known; False: there are enough."""

    def done(self, level: float, disturbed: bool) -> None:
        """Hand over the sample's mean log seconds."""


def sample_in_turns(
    target: Callable[[], object],
    clock: Clock,
    turns: Turns,
    case: str,
    plan: SamplingPlan | None = None,
    *,
    disturbed: Callable[[], bool] | None = None,
    renew: Callable[[], object] | None = None,
) -> tuple[Samples, int]:
    """Samples of ``target``, two a block, and the number that its timing has in the test.

    ``disturbed`` and ``renew`` are as in `sampling.sample`: tensors move between blocks, in this process's turn.
    Without a twin to take turns with, the controller says so at once, and the fewest blocks are measured alone. Raises
    MeasureError if a time is not finite and positive.
    """
    plan = replace(plan or SamplingPlan(), rewarm_below_s=_REWARM_BELOW_S)
    main = warm_up(target, "target", clock, plan)
    amount = amount_of(main, plan)
    number = turns.ready(case, amount)
    times_s: list[float] = []
    while turns.wait():
        if renew and times_s and len(times_s) % (2 * blocks_per_layout(amount.planned)) == 0:
            renew()
            target()
        if disturbed:
            disturbed()  # what happened while the process was stopped is not this sample's
        times_s.append(timed(main, clock))
        turns.done(math.log(times_s[-1]), bool(disturbed and disturbed()))
    while len(times_s) < 2 or len(times_s) % 2:
        times_s.append(timed(main, clock))
    blocks = tuple(Block((first, second)) for first, second in zip(times_s[::2], times_s[1::2], strict=True))
    return Samples(blocks, main.inner, 0, main.warmup), number

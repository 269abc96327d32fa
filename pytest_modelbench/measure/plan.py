"""How much a sampling measures."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.core.errors import UsageError, hide_own_frames

__tracebackhide__ = hide_own_frames

#: How many memory layouts a process tries: where tensors happen to lie moved six models by 0.5-2 % from one layout to
#: the next, as much as a new process did.
_LAYOUTS = 4


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """How much is measured. The defaults keep four models of 7, 28, 110 and 410 ms under 8 s per process.

    Blocks are few, since on a quiet machine more of them do not bring processes closer together: eight over four memory
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
    #: And the time that this may take: a block longer than any spell is disturbed as much the second time.
    repeat_s: float = 20.0

    def __post_init__(self) -> None:
        possible = (
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
        if not possible:
            raise UsageError(
                f"{self} cannot be followed: times are positive, and 1 <= min_blocks <= max_blocks, "
                "1 <= min_warmup <= max_warmup"
            )

    def amount(self, block_s: float) -> Amount:
        """How many blocks that take so long gather the planned time, and how many more they may become."""
        planned = min(max(math.ceil(self.target_s / block_s), self.min_blocks), self.max_blocks)
        more = math.floor(min(self.more_blocks * planned, self.more_s / block_s))
        repeats = math.floor(min(self.repeat_budget * planned, self.repeat_s / block_s))
        return Amount(planned, planned + more, repeats, self.min_blocks)


def blocks_per_layout(planned: int) -> int:
    """After how many of the ``planned`` blocks tensors move to other places in memory."""
    return math.ceil(planned / _LAYOUTS)

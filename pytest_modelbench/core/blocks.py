"""How many blocks a timing takes, in a process or a pair of them: as many as planned, and more while they disagree."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

#: Standard error of the median over blocks, in log, below which more of them are not worth their time. Processes differ
#: by 1.3 % on a quiet machine, however many blocks they take; on a busy one half as many blocks more take two fifths
#: off a process's variance (`tests/trials/block_noise.py`).
PRECISE = 0.008
#: Standard deviation of a normal distribution over its median absolute deviation, and standard error of its median over
#: that of its mean, sqrt(pi / 2). Both: Rousseeuw and Croux, JASA 88 (1993), 1273-1283.
_OF_MAD = 1.4826
_OF_MEDIAN = math.sqrt(math.pi / 2)


def median_error(log_ratios: Sequence[float]) -> float:
    """Standard error of the median, by the median absolute deviation: a few wild ones do not count."""
    center = statistics.median(log_ratios)
    spread = _OF_MAD * statistics.median(abs(one - center) for one in log_ratios)
    return _OF_MEDIAN * spread / math.sqrt(len(log_ratios))


class Enough(str, Enum):
    """How many blocks are asked of a timing."""

    FEWEST = "fewest"  #: what is unchanged is so wherever its time lies; only a machine that moved far is to show
    PLANNED = "planned"  #: however they disagree
    AGREEING = "agreeing"  #: more than planned while they disagree


@dataclass(frozen=True, slots=True)
class Amount:
    """Blocks of one timing: those ``planned``, the ``most`` it takes, and how many disturbed ones it may repeat.

    ``fewest`` is what it takes to have been in every memory layout.
    """

    planned: int
    most: int
    repeats: int
    fewest: int = 1

    def asked(self, enough: Enough) -> Amount:
        """The amount of which no more is asked than ``enough``."""
        if enough is Enough.AGREEING:
            return self
        planned = min(self.fewest, self.planned) if enough is Enough.FEWEST else self.planned
        return replace(self, planned=planned, most=planned, repeats=min(self.repeats, planned))

    def enough(self, log_ratios: Sequence[float], repeated: int) -> bool:
        """Whether the blocks with these ``log_ratios`` will do, after ``repeated`` disturbed ones.

        Once there are no more repeats, the machine is too busy for more blocks to tell more.
        """
        if len(log_ratios) < self.planned:
            return False
        return len(log_ratios) >= self.most or repeated >= self.repeats or median_error(log_ratios) <= PRECISE

    def beside(self, other: Amount) -> Amount:
        """That of both sides of a pair: as many blocks as either plans, and repeats that both have."""
        planned = max(self.planned, other.planned)
        return Amount(planned, max(planned, min(self.most, other.most)), min(self.repeats, other.repeats))

"""What pairs of processes tell of a check: how much slower the new code is than the old one, pair by pair."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pytest_modelbench.core.records import RATE, TIMING, UNHEALTHY, CheckKey, Record
from pytest_modelbench.workers.rounds import TestRun


@dataclass(frozen=True, slots=True)
class Timing:
    """One timing of both twins: log ratios of new to old, block by block, and how many blocks were disturbed."""

    case: str
    blocks: tuple[float, ...]
    disturbed: int = 0

    @property
    def change(self) -> float:
        """Median over blocks."""
        return statistics.median(self.blocks)

    @property
    def upset(self) -> bool:
        """Whether most of the blocks were disturbed: the median is then one of a disturbed machine."""
        return 2 * self.disturbed > len(self.blocks)


@dataclass(slots=True)
class PairRun:
    """One test in one pair of processes. ``obstacle`` says why the pair compares nothing."""

    test: str
    pair: int
    old: TestRun | None = None
    new: TestRun | None = None
    timings: dict[int, Timing] = field(default_factory=dict)
    obstacle: str = ""

    def change(self, record: Record) -> float | None:
        """How much slower, in log, the new code is by what ``record`` measured; None if this pair does not tell."""
        timing = record.details.get(TIMING)
        if timing is None:
            then = self._then(record)
            if then is None or then.level is None or record.level is None:
                return None
            apart = not self._in_turns(record)
            return None if apart and self.disturbed(record) else record.level - then.level
        if timing not in self.timings:
            return None
        change = self.timings[timing].change
        return -change if record.details.get(RATE) else change

    def disturbed(self, record: Record) -> bool:
        """Whether the machine was disturbed while what ``record`` tells was measured, on either side."""
        if record.level is None:
            return False  # what is exact does not feel it
        timing = record.details.get(TIMING)
        if timing is not None:
            return timing in self.timings and self.timings[timing].upset
        if taken := self._in_turns(record):
            return any(timing.upset for timing in taken)
        return any(one.details.get(UNHEALTHY) for one in (record, self._then(record)) if one)

    def _in_turns(self, record: Record) -> list[Timing]:
        """The timings that ``record`` was taken in: the phases of a training step have none of their own."""
        return [timing for timing in self.timings.values() if timing.case == record.case]

    def _then(self, record: Record) -> Record | None:
        """What the old code measured of the same check, if it did."""
        return next((old for old in (self.old.records if self.old else ()) if old.key == record.key), None)


def changes(pairs: Iterable[PairRun], key: CheckKey) -> list[float]:
    """The change of one check in each of ``pairs`` that tells it."""
    found = [pair.change(record) for pair, record in _compared(pairs, key)]
    return [change for change in found if change is not None]


def disturbed(pairs: Iterable[PairRun], key: CheckKey) -> int:
    """How many of ``pairs`` measured one check while the machine was disturbed."""
    return sum(pair.disturbed(record) for pair, record in _compared(pairs, key))


def _compared(pairs: Iterable[PairRun], key: CheckKey) -> Iterator[tuple[PairRun, Record]]:
    """The new code's record of one check, in each of ``pairs`` that compares it."""
    for pair in pairs:
        if pair.new is not None and not pair.obstacle:
            yield from ((pair, record) for record in pair.new.records if record.key == key)

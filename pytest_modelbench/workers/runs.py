"""What became of one test: in one process, and in one pair of processes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import CALLS_OF_TIMING, CheckKey, Measurement
from pytest_modelbench.core.reasons import ItemsChanged, Placed
from pytest_modelbench.core.verdicts import Verdict

#: How many of the tests that a worker found instead are told.
_TOLD = 2
#: A change that is less, as a share, is none that a single pair with hooks shows.
_SHOWN = 0.01
#: Whether a pair that was so much slower shows what a verdict says.
_SHOWN_BY: dict[Verdict, Callable[[float], bool]] = {
    Verdict.REGRESSED: lambda slower: slower >= _SHOWN,
    Verdict.IMPROVED: lambda slower: slower <= -_SHOWN,
    Verdict.INCONCLUSIVE: lambda slower: abs(slower) >= _SHOWN,
}


def not_found(test: str, stopped: str = "", others: Sequence[str] = ()) -> str:
    """Why a worker that went through did not run ``test``: `workers.events.Done` says the rest."""
    if stopped:
        return f"The worker process stopped before this test: {stopped}"
    said = "The worker process did not find this test, though it was collected"
    function = test.partition("[")[0]
    if instead := [one for one in others if one.partition("[")[0] == function]:
        return (
            f"{said}; it found {', '.join(instead[:_TOLD])}. Ids have to be the same in every process: give "
            "parametrize ids= that are made of no address, time, process number or random number"
        )
    return (
        f"{said}: what is collected depends on the process there (its environment, the time, a file that the first one "
        "wrote). Collect the same tests in every process, and skip inside of them"
    )


@dataclass(slots=True)
class TestRun:
    """One test in one process: its reports as the worker serialized them, what it measured, and how it ended.

    ``trouble`` says what happened to a worker that did not live to the end of the test. ``duration_s`` is the time that
    the process ran, without what it was stopped for. ``imported`` and ``files`` are as `workers.events.Finished` has
    them.
    """

    __test__ = False  # pytest collects classes named Test*

    test: str
    process: int
    environment: Environment | None = None
    reports: list[dict[str, Any]] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    duration_s: float = 0.0
    trouble: str = ""
    cut: bool = False  #: the worker was ended since the time for it was over
    idle: tuple[str, ...] = ()  #: fixtures that measure, and by which it measured nothing
    ended: bool = True  #: False while the test still runs, as when it is judged in its own process
    imported: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PairedTiming:
    """One timing on both sides: log ratios of candidate to base, block by block, and how many were disturbed."""

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
    """One test in one pair of processes.

    ``obstacle`` says why the pair compares nothing. ``apart``: both sides together do not fit in the device's memory,
    so that they were measured one after the other. ``absent``: the base has collected the test's file, if it has one,
    and there is no such test in it; ``others`` are the tests that it found there and was not asked for.
    """

    test: str
    pair: int
    base: TestRun | None = None
    candidate: TestRun | None = None
    timings: dict[int, PairedTiming] = field(default_factory=dict)
    obstacle: str = ""
    apart: bool = False
    absent: bool = False
    others: tuple[str, ...] = ()

    @property
    def sides(self) -> list[TestRun]:
        """The runs of either side, as far as there are any."""
        return [run for run in (self.base, self.candidate) if run is not None]

    @property
    def cut(self) -> bool:
        """Whether it was cut short, so that it tells nothing."""
        return len(self.sides) < (1 if self.absent else 2) or any(run.cut for run in self.sides)

    def change(self, one: Measurement) -> float | None:
        """How much slower, in log, the candidate is by what ``one`` measured; None if this pair does not tell."""
        if one.timing is None:
            return None
        if one.timing.turn is None:
            then = self._then(one)
            if then is None or then.timing is None:
                return None
            apart = not self._in_turns(one)
            return None if apart and self.disturbed(one) else one.timing.log_ratio - then.timing.log_ratio
        if one.timing.turn not in self.timings:
            return None
        change = self.timings[one.timing.turn].change
        return -change if one.timing.rate else change

    def placed(self, key: CheckKey, verdict: Verdict) -> Placed | ItemsChanged | None:
        """Where what ``key`` is about takes another time, of a pair that was to say so; None if it does not.

        Only what agrees with the ``verdict``: where there is none, a time that moved or else operators that did.
        """
        candidate = self.candidate.measurements if self.candidate and not self.obstacle else []
        now = next((one for one in candidate if one.key == key), None)
        then = self._then(now) if now else None
        if now is None or then is None or now.breakdown is None or then.breakdown is None or now.timing is None:
            return None
        calls = self._changed_calls(now.timing.turn, candidate)
        slower = (now.breakdown.total - then.breakdown.total) / then.breakdown.total
        if _SHOWN_BY[verdict](slower):
            return Placed(ItemsChanged("ns", then.breakdown.changes(now.breakdown)), calls)
        # Hooks, or that pair, did not show it.
        return calls if verdict is Verdict.INCONCLUSIVE and calls and calls.items else None

    def _changed_calls(self, turn: int | None, candidate: Sequence[Measurement]) -> ItemsChanged | None:
        """Which operators a timing calls more often or less; None where that could not be counted."""
        calls = next((one for one in candidate if one.name == f"{CALLS_OF_TIMING}{turn}"), None)
        called = self._then(calls) if calls else None
        if calls is None or called is None or calls.breakdown is None or called.breakdown is None:
            return None
        return ItemsChanged("count", called.breakdown.changes(calls.breakdown))

    def disturbed(self, one: Measurement) -> bool:
        """Whether the machine was disturbed while what ``one`` tells was measured, on either side."""
        if one.timing is None:
            return False  # what is exact does not feel it
        if one.timing.turn is not None:
            return one.timing.turn in self.timings and self.timings[one.timing.turn].upset
        if taken := self._in_turns(one):
            return any(timing.upset for timing in taken)
        return any(side.quality.disturbed for side in (one, self._then(one)) if side)

    def _in_turns(self, one: Measurement) -> list[PairedTiming]:
        """The timings that ``one`` was taken in: the phases of a training step have none of their own."""
        return [timing for timing in self.timings.values() if timing.case == one.case.id]

    def _then(self, one: Measurement) -> Measurement | None:
        """What the base measured of the same check, if it did."""
        return next((then for then in (self.base.measurements if self.base else ()) if then.key == one.key), None)


def changes(pairs: Iterable[PairRun], key: CheckKey) -> list[float]:
    """The change of one check in each of ``pairs`` that tells it."""
    found = [pair.change(one) for pair, one in _compared(pairs, key)]
    return [change for change in found if change is not None]


def disturbed(pairs: Iterable[PairRun], key: CheckKey) -> int:
    """How many of ``pairs`` measured one check while the machine was disturbed."""
    return sum(pair.disturbed(one) for pair, one in _compared(pairs, key))


def _compared(pairs: Iterable[PairRun], key: CheckKey) -> Iterator[tuple[PairRun, Measurement]]:
    """The candidate's measurement of one check, in each of ``pairs`` that compares it."""
    for pair in pairs:
        if pair.candidate is not None and not pair.obstacle:
            yield from ((pair, one) for one in pair.candidate.measurements if one.key == key)

"""The course of a bisection: revisions measured until the search for every check has its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Protocol

from pytest_modelbench.core.bisection import Bisection, Ended, Step
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import ModelbenchError, UsageError, did_you_mean
from pytest_modelbench.core.measurement import CALLS_OF_TIMING, Measurement
from pytest_modelbench.judge.procedure import ALPHA
from pytest_modelbench.session.launch import Tree
from pytest_modelbench.session.pairing import Pairing
from pytest_modelbench.session.revisions import Revisions
from pytest_modelbench.session.searches import CheckSearch, Searches
from pytest_modelbench.store.bisection import Memory, Told
from pytest_modelbench.workers.pairs import failure
from pytest_modelbench.workers.runs import PairRun, TestRun


class Audience(Protocol):
    """Who is told how far it is."""

    def measuring(self, step: Step, number: int, tests: Sequence[str]) -> None:
        """Revision ``step`` is measured, in process or pair ``number``."""

    def pair_ended(self, run: PairRun) -> None:
        """A test is over on both sides."""

    def out_of_time(self) -> bool:
        """Whether it has to end."""

    def told(self, line: str) -> None:
        """Something became known."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What is searched for: checks by these names or ``metrics`` (empty: all), looked at after so many pairs."""

    looks: tuple[int, ...]
    metrics: tuple[str, ...] = ()

    def fits(self, one: Measurement) -> bool:
        """Whether a measurement is of such a check."""
        if one.name.startswith(CALLS_OF_TIMING):
            return False
        return not self.metrics or one.name in self.metrics or one.metric.name in self.metrics


class Bisecting:
    """Searches ``revisions`` for what changed the checks of some tests.

    ``memory_of(environment)`` is where what is measured in an environment is kept, ``typed(test)`` how a test is called
    where the search was started.
    """

    def __init__(
        self,
        revisions: Revisions,
        aim: Aim,
        audience: Audience,
        memory_of: Callable[[Environment | None], Memory] = lambda environment: Memory(None),
        typed: Callable[[str], str] = str,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._revisions = revisions
        self._aim = aim
        self._audience = audience
        self._memory_of = memory_of
        self._memory = Memory(None)
        self._typed = typed
        self._now_s = now_s
        self._began_s = now_s()
        self._searches = Searches()
        self._missed: dict[str, str] = {}
        self._measured: set[int] = set()
        self._died: set[tuple[int, str]] = set()  #: where a process died in a test, once
        self._runs = 0
        self._base: Tree | None = None
        self._out: tuple[int, Tree] | None = None  #: the revision that is checked out, for as long as it is measured
        self._holding = ExitStack()

    @property
    def _last(self) -> int:
        return len(self._revisions.steps) - 1

    def run(self, pairing: Pairing, tests: Sequence[str]) -> None:
        """Search. Raises ModelbenchError if either end cannot be had, or there is nothing to search for."""
        with ExitStack() as stack:
            self._base = stack.enter_context(self._revisions.tree(0))
            stack.callback(self._let_go)
            self._begin(pairing, tests)
            while (wanted := self._searches.next()) is not None and not self._audience.out_of_time():
                at, names, timed = wanted
                if (recalled := self._memory.recall(self._revisions.steps[at].id, names, timed=timed)) is not None:
                    self._measured.add(at)
                    for told in recalled:
                        self._take(at, told)
                else:
                    self._measure(pairing, at, names, timed=timed)
            if self._searches.next() is None:
                self._explain(pairing)

    def result(self, again: tuple[str, ...] = ()) -> Bisection:
        """What was found, so far or in all; ``again``: the words of a command that searches another range."""
        revisions, found = self._revisions, []
        for one in self._searches.all.values():
            answer = one.answer()
            brought = revisions.brought(answer.bad) if answer.ended is Ended.FOUND else ""
            found.append(one.found(revisions.steps, brought, self._typed(one.key.test)))
        noisy = any(one.noisy for one in found)
        return Bisection(
            tuple(revisions.steps), tuple(found), revisions.package, tuple(self._missed.items()), len(self._measured),
            self._runs, self._now_s() - self._began_s, ALPHA if noisy else 0.0, tuple(revisions.notes), again,
        )  # fmt: skip

    # --- what is searched for

    def _begin(self, pairing: Pairing, tests: Sequence[str]) -> None:
        """Measure both ends, which tells what checks there are and which exact ones changed."""
        tree = self._tree(self._last)
        runs = list(self._pairs(pairing, tree, self._last, tests))
        # Once may be chance.
        again = [run.test for run in runs if self._why_missed(run) and not run.absent]
        if again and not self._audience.out_of_time():
            runs = [run for run in runs if run.test not in again]
            runs += self._pairs(pairing, tree, self._last, again)
        if any(side.cut for run in runs for side in run.sides):
            raise UsageError("the budget was over before both ends were measured; allow more: --modelbench-budget")
        self._missed = {run.test: why for run in runs if (why := self._why_missed(run))}
        ends = [pair for run in runs if run.test not in self._missed for pair in _both(run)]
        wanted = [(then, now) for then, now in ends if self._aim.fits(now)]
        if not wanted:
            raise UsageError(self._nothing_to_search([now.name for _, now in ends]))
        noisy = sum(now.metric.noisy for _, now in wanted)
        for then, now in wanted:
            one = CheckSearch.of(then, now, self._last, self._aim.looks, ALPHA / max(1, noisy))
            self._searches.all[one.key] = one
        known = (side.environment for run in runs for side in run.sides if side.environment)
        self._memory = self._memory_of(next(known, None))
        for run in runs:
            self._hear(self._last, self._searches.told_by_pair(self._last, self._revisions.steps[self._last], run))

    def _why_missed(self, run: PairRun) -> str:
        """Why nothing can be searched for that ``run`` of a test is about; empty if something can."""
        first, last = (self._revisions.steps[at].name for at in (0, self._last))
        if run.absent:
            others = f" (it has {', '.join(run.others[:3])})" if run.others else ""
            return f"{first} has no such test{others}; with --own-tests it is run as it is in the working tree"
        if run.base is not None and (why := failure(run.base, f"at {first}")):
            return why
        if run.candidate is None or (why := failure(run.candidate, f"at {last}")):
            return f"it was not run at {last}" if run.candidate is None else why
        if run.obstacle:
            return run.obstacle
        return "" if run.candidate.measurements else f"it measures nothing at {last}"

    def _nothing_to_search(self, names: Sequence[str]) -> str:
        """Why, with what there is."""
        missed = [f"{test}: {why}" for test, why in self._missed.items()]
        if not names:
            return "\n".join(["there is nothing to search for", *missed])
        unknown = next((one for one in self._aim.metrics if one not in names), "")
        near = did_you_mean(unknown, sorted(set(names)))
        told = ", ".join(sorted(set(names)))
        return "\n".join([f"no check is called {unknown!r} at both ends.{near} There are: {told}", *missed])

    # --- what is measured

    def _measure(self, pairing: Pairing, at: int, tests: Sequence[str], *, timed: bool) -> None:
        step = self._revisions.steps[at]
        try:
            tree = self._tree(at)
        except ModelbenchError as error:
            # Not kept: the network, or a disk that was full, may be to blame.
            for test in tests:
                self._take(at, Told(at=step.id, test=test, why=str(error)))
            return
        if timed:
            for run in self._pairs(pairing, tree, at, tests):
                if not any(side.cut for side in run.sides) and not self._may_be_chance(at, run.candidate):
                    self._hear(at, self._searches.told_by_pair(at, step, run))
            return
        assert self._base is not None
        self._count(at, tests)
        for alone in pairing.untimed(tree, self._base, tests, self._runs):
            if not alone.cut and not self._may_be_chance(at, alone):
                self._hear(at, self._searches.told_by_run(at, step, alone))

    def _may_be_chance(self, at: int, run: TestRun | None) -> bool:
        """Whether a process died in the test for the first time there: it is measured once more."""
        if run is None or not run.trouble or run.environment is None or (at, run.test) in self._died:
            return False
        self._died.add((at, run.test))
        return True

    def _tree(self, at: int) -> Tree:
        """The code of a revision, which is kept until another one is asked for."""
        if self._out is None or self._out[0] != at:
            self._let_go()
            self._out = at, self._holding.enter_context(self._revisions.tree(at))
        return self._out[1]

    def _let_go(self) -> None:
        self._out = None
        self._holding.close()

    def _pairs(self, pairing: Pairing, tree: Tree, at: int, tests: Sequence[str]) -> Iterator[PairRun]:
        assert self._base is not None
        self._count(at, tests)
        for run in pairing.pair(self._base, tree, tests, self._runs):
            self._audience.pair_ended(run)
            yield run

    def _count(self, at: int, tests: Sequence[str]) -> None:
        self._runs += 1
        self._measured.add(at)
        self._audience.measuring(self._revisions.steps[at], self._runs, tests)

    def _hear(self, at: int, told: Told) -> None:
        self._memory.keep(told)
        self._take(at, told)

    def _take(self, at: int, told: Told) -> None:
        for one in self._searches.of(told.test):
            if one.take(at, told):
                self._audience.told(one.line(self._revisions.steps[at], at))

    # --- what came out

    def _explain(self, pairing: Pairing) -> None:
        """Find out where in the model each change is, beside the revision before it."""
        steps: dict[tuple[int, int], list[CheckSearch]] = {}
        for one in self._searches.all.values():
            answer = one.answer()
            if answer.ended is Ended.FOUND:
                one.explain()
                if one.noisy:
                    steps.setdefault((answer.good, answer.bad), []).append(one)
        self._let_go()
        for (good, bad), found in steps.items():
            # An explanation, without which the answer stands.
            with suppress(ModelbenchError, OSError):
                self._place(pairing, good, bad, _by_test(found))

    def _place(self, pairing: Pairing, good: int, bad: int, found: Mapping[str, Sequence[CheckSearch]]) -> None:
        self._runs += 1
        with self._revisions.tree(good) as before, self._revisions.tree(bad) as after:
            for run in pairing.pair(before, after, list(found), self._runs, placing=True):
                for one in found[run.test]:
                    one.place(run)


def _both(run: PairRun) -> Iterator[tuple[Measurement, Measurement]]:
    """What was measured on either side of a pair: there, and here."""
    there = {one.name: one for one in (run.base.measurements if run.base else ())}
    for one in run.candidate.measurements if run.candidate else ():
        if one.name in there:
            yield there[one.name], one


def _by_test(found: Sequence[CheckSearch]) -> dict[str, list[CheckSearch]]:
    grouped: dict[str, list[CheckSearch]] = {}
    for one in found:
        grouped.setdefault(one.key.test, []).append(one)
    return grouped

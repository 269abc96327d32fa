"""The course of a bisection: revisions measured until the search for every check has its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

from pytest_modelbench.core.bisection import Bisection, Ended, Found, Step
from pytest_modelbench.core.errors import ModelbenchError, UsageError
from pytest_modelbench.core.measurement import CALLS_OF_TIMING, CheckKey, Measurement
from pytest_modelbench.core.metrics import Better
from pytest_modelbench.core.reasons import Reason
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.bisection import Search, Sought, TimesSearch, ValueSearch
from pytest_modelbench.judge.estimate import Edges
from pytest_modelbench.judge.exact import judge_exact
from pytest_modelbench.judge.procedure import ALPHA, Compared
from pytest_modelbench.report.bisection import Placed, told_step
from pytest_modelbench.session.launch import Tree
from pytest_modelbench.session.measured import view_of
from pytest_modelbench.session.pairing import Pairing
from pytest_modelbench.session.revisions import Revisions
from pytest_modelbench.store.bisection import Memory, Told, Value
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
class Wanted:
    """What is searched for: checks by these names of ``metrics`` (empty: all), at these ``looks``."""

    looks: tuple[int, ...]
    metrics: tuple[str, ...] = ()


@dataclass(slots=True)
class _Sought:
    """A check, and the search for it."""

    first: Measurement  #: at the first revision
    last: Measurement
    search: Search
    passed: dict[int, str] = field(default_factory=dict)
    seen: dict[int, Measurement] = field(default_factory=dict)  #: by revision, in this very session

    @property
    def key(self) -> CheckKey:
        return self.first.key


class Bisecting:
    """Searches ``revisions`` for what changed the checks of some tests.

    ``memory_of(environment)`` is where what is measured in an environment, by its name, is kept.
    """

    def __init__(
        self,
        revisions: Revisions,
        wanted: Wanted,
        audience: Audience,
        memory_of: Callable[[str], Memory] = lambda environment: Memory(None),
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._revisions = revisions
        self._wanted = wanted
        self._audience = audience
        self._memory_of = memory_of
        self._memory = Memory(None)
        self._now_s = now_s
        self._began_s = now_s()
        self._sought: dict[CheckKey, _Sought] = {}
        self._missed: dict[str, str] = {}
        self._measured: set[int] = set()
        self._runs = 0
        self._stack = ExitStack()
        self._base: Tree | None = None
        self._reasons: dict[CheckKey, tuple[Reason, ...]] = {}
        self.complete = False  #: whether there is nothing left to measure

    @property
    def _last(self) -> int:
        return len(self._revisions.steps) - 1

    def run(self, pairing: Pairing, tests: Sequence[str]) -> None:
        """Search. Raises ModelbenchError if either end cannot be had at all."""
        with self._stack:
            self._base = self._stack.enter_context(self._revisions.tree(0))
            self._begin(pairing, tests)
            while (wanted := self._next()) is not None and not self._audience.out_of_time():
                at, names, timed = wanted
                if (recalled := self._memory.recall(self._revisions.steps[at].id, names, timed=timed)) is not None:
                    self._measured.add(at)
                    self._take(at, recalled)
                else:
                    self._measure(pairing, at, names, timed=timed)
            self.complete = self._next() is None
            if self.complete:
                self._explain(pairing)

    # --- what is searched for

    def _begin(self, pairing: Pairing, tests: Sequence[str]) -> None:
        """Measure both ends, which tells what checks there are and which exact ones changed."""
        with self._revisions.tree(self._last) as tree:
            runs = list(self._pairs(pairing, tree, self._last, tests))
            # Once may be chance.
            if again := [run.test for run in runs if self._why_missed(run) and not run.absent]:
                runs = [run for run in runs if run.test not in again]
                runs += self._pairs(pairing, tree, self._last, again)
        ends: list[tuple[Measurement, Measurement]] = []
        for run in runs:
            if why := self._why_missed(run):
                self._missed[run.test] = why
                continue
            there = {one.name: one for one in (run.base.measurements if run.base else ())}
            here = run.candidate.measurements if run.candidate else []
            ends += [(there[one.name], one) for one in here if self._is_wanted(one, there)]
        noisy = sum(now.metric.noisy for _, now in ends)
        for then, now in ends:
            self._seek(then, now, ALPHA / max(1, noisy))
        known = next((side.environment for run in runs for side in run.sides if side.environment), None)
        self._memory = self._memory_of(known.slug if known else "")
        for run in runs:
            self._hear_pair(self._last, run)

    def _is_wanted(self, one: Measurement, there: Mapping[str, Measurement]) -> bool:
        asked = not self._wanted.metrics or one.name in self._wanted.metrics or one.metric.name in self._wanted.metrics
        return asked and one.name in there and not one.name.startswith(CALLS_OF_TIMING)

    def _why_missed(self, run: PairRun) -> str:
        """Why nothing can be searched for that ``run`` of a test is about; empty if something can."""
        first, last = (self._revisions.steps[at].name for at in (0, self._last))
        if run.obstacle:
            return f"at {first}: {run.obstacle}"
        if run.candidate is None or (why := failure(run.candidate, f"at {last}")):
            return why if run.candidate is not None else f"at {last}: it was not run"
        return "" if run.candidate.measurements else f"at {last}: it measures nothing"

    def _seek(self, then: Measurement, now: Measurement, rate: float) -> None:
        metric = now.metric
        if metric.noisy:
            edges = Edges.of_band(metric.band.ratio(then.value))
            search: Search = TimesSearch(self._last, Sought(edges, metric.better), self._wanted.looks, rate)
        else:
            search = ValueSearch(self._last, then.value, now.value, differ=_differs(now, then))
        self._sought[now.key] = _Sought(then, now, search, seen={0: then, self._last: now})

    # --- what follows

    def _open(self) -> list[tuple[_Sought, int]]:
        return [(one, at) for one in self._sought.values() if (at := one.search.wants()) is not None]

    def _next(self) -> tuple[int, list[str], bool] | None:
        """The revision to measure next, tests whose checks wait for it, and whether times are among these."""
        open_ = self._open()
        if not open_:
            return None
        at = open_[0][1]
        here = [one for one, wants in open_ if wants == at]
        timed = any(one.first.metric.noisy for one in here)
        return at, list(dict.fromkeys(one.key.test for one in here)), timed

    # --- what is measured

    def _measure(self, pairing: Pairing, at: int, tests: Sequence[str], *, timed: bool) -> None:
        assert self._base is not None
        try:
            with self._revisions.tree(at) as tree:
                if timed:
                    for run in self._pairs(pairing, tree, at, tests):
                        self._hear_pair(at, run)
                else:
                    self._count(at, tests)
                    for alone in pairing.untimed(tree, self._base, tests, self._runs):
                        self._hear_alone(at, alone)
        except UsageError:
            raise
        except ModelbenchError as error:
            for test in tests:
                self._hear(at, Told(at=self._revisions.steps[at].id, test=test, why=str(error)))

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

    def _hear_pair(self, at: int, run: PairRun) -> None:
        """Keep what a pair told, and take it in."""
        if any(side.cut for side in run.sides):
            return  # the time was over, which tells nothing
        here = run.candidate
        why = failure(here, "there") if here is not None else "it was not run there"
        if not why and run.obstacle and run.base is not None and not failure(run.base):
            why = run.obstacle  # another case, say
        values: dict[str, Value] = {}
        slower: dict[str, float | None] = {}
        for one in here.measurements if here is not None and not why else ():
            if (sought := self._sought.get(one.key)) is None:
                continue
            if one.metric.noisy:
                change = None if run.obstacle else run.change(one)
                slower[one.name] = -change if change and one.metric.better is Better.HIGHER else change
            else:
                values[one.name] = Value(value=one.value, differs=_differs(one, sought.first))
                sought.seen[at] = one
        self._hear(at, Told(at=self._revisions.steps[at].id, test=run.test, slower=slower, values=values, why=why))

    def _hear_alone(self, at: int, run: TestRun) -> None:
        """The same of a process that measured exact values alone."""
        if run.cut:
            return
        values = {}
        for one in run.measurements:
            if (sought := self._sought.get(one.key)) and not one.metric.noisy:
                values[one.name] = Value(value=one.value, differs=_differs(one, sought.first))
                sought.seen[at] = one
        told = Told(at=self._revisions.steps[at].id, test=run.test, values=values, why=failure(run, "there"))
        self._hear(at, told)

    def _hear(self, at: int, told: Told) -> None:
        self._memory.keep(told)
        self._take(at, [told])

    def _take(self, at: int, found: Sequence[Told]) -> None:
        """Tell the searches."""
        for told in found:
            for sought in [one for one in self._sought.values() if one.key.test == told.test]:
                name, search = sought.key.name, sought.search
                before = search.wants()
                if told.why or (name not in told.values and name not in (told.slower or {name: None})):
                    self._pass_over(sought, at, told.why or f"it does not measure {name} there")
                elif isinstance(search, TimesSearch):
                    if told.slower is not None:
                        search.tell(at, told.slower.get(name))
                elif isinstance(search, ValueSearch) and name in told.values:
                    search.tell(at, told.values[name].value, differs=told.values[name].differs)
                if before == at and search.wants() != at:
                    self._audience.told(self._line(sought, at))

    def _pass_over(self, sought: _Sought, at: int, why: str) -> None:
        if at != self._last:
            sought.passed[at] = why
            sought.search.pass_over(at)
        elif isinstance(sought.search, TimesSearch):
            sought.search.tell(at, None)

    def _line(self, sought: _Sought, at: int) -> str:
        search, steps = sought.search, self._revisions.steps
        told = Placed(steps[at], sought.key.name, search.side(at), search.shift(at), sought.passed.get(at, ""))
        return told_step(told, search.answer())

    # --- what came out

    def _explain(self, pairing: Pairing) -> None:
        """Find out where in the model each change is, beside the revision before it."""
        steps: dict[tuple[int, int], list[_Sought]] = {}
        for one in self._sought.values():
            answer = one.search.answer()
            if answer.ended is not Ended.FOUND:
                continue
            if one.first.metric.noisy:
                steps.setdefault((answer.good, answer.bad), []).append(one)
            elif (then := one.seen.get(answer.good)) and (now := one.seen.get(answer.bad)):
                self._reasons[one.key] = _made_of(now, then)
        for (good, bad), found in steps.items():
            tests = list(dict.fromkeys(one.key.test for one in found))
            self._runs += 1
            try:
                with self._revisions.tree(good) as before, self._revisions.tree(bad) as after:
                    for run in pairing.pair(before, after, tests, self._runs, placing=True):
                        self._place(run, found)
            except (ModelbenchError, OSError):
                continue  # an explanation, without which the answer stands

    def _place(self, run: PairRun, found: Sequence[_Sought]) -> None:
        for one in found:
            if one.key.test != run.test:
                continue
            own = one.search.answer().own
            verdict = Verdict.REGRESSED if own and (own.log or 0.0) > 0 else Verdict.IMPROVED
            if (reason := run.placed(one.key, verdict)) is not None:
                self._reasons[one.key] = (reason,)

    def result(self) -> Bisection:
        """What was found, so far or in all."""
        found = [self._found(one) for one in self._sought.values()]
        noisy = any(one.noisy for one in found)
        return Bisection(
            tuple(self._revisions.steps), tuple(found), self._revisions.package, tuple(self._missed.items()),
            len(self._measured), self._runs, self._now_s() - self._began_s, ALPHA if noisy else 0.0,
            tuple(self._revisions.notes), not self.complete,
        )  # fmt: skip

    def _found(self, one: _Sought) -> Found:
        steps = self._revisions.steps
        passed = tuple((steps[at], why) for at, why in sorted(one.passed.items()))
        return Found(
            one.key.test, one.key.name, one.last.case.id, one.last.metric.unit, one.last.metric.noisy,
            one.search.answer(), one.first.value, one.last.value, passed, self._reasons.get(one.key, ()),
        )  # fmt: skip


def _compared(now: Measurement, then: Measurement) -> Compared:
    return Compared([now], view_of([then], None))


def _differs(now: Measurement, then: Measurement) -> bool:
    """Whether an exact check says that ``now`` is another thing than ``then``."""
    return judge_exact(_compared(now, then)).verdict is not Verdict.OK


def _made_of(now: Measurement, then: Measurement) -> tuple[Reason, ...]:
    """Of what a value consists that it did not before, where that is known."""
    return judge_exact(_compared(now, then)).where

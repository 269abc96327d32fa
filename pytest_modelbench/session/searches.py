"""The searches of a bisection: one for each check, told what runs of its test tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from pytest_modelbench.core.bisection import Answer, Ended, Found, Shift, Step
from pytest_modelbench.core.measurement import CheckKey, Measurement
from pytest_modelbench.core.metrics import Better
from pytest_modelbench.core.reasons import Reason
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.bisection import Sought, TimesSearch
from pytest_modelbench.judge.estimate import Edges
from pytest_modelbench.judge.exact import judge_exact
from pytest_modelbench.judge.exact_bisection import ValueSearch
from pytest_modelbench.judge.procedure import Compared
from pytest_modelbench.report.bisection import Placed, told_step
from pytest_modelbench.session.measured import view_of
from pytest_modelbench.store.bisection import Told, Value
from pytest_modelbench.workers.pairs import failure
from pytest_modelbench.workers.runs import PairRun, TestRun


@dataclass(slots=True)
class CheckSearch:
    """A check, as it is at both ends of the range, and the search for the revision that changed it."""

    first: Measurement
    last: Measurement
    search: TimesSearch | ValueSearch
    end: int  #: the number of the last revision
    passed: dict[int, str] = field(default_factory=dict)
    seen: dict[int, Measurement] = field(default_factory=dict)  #: exact values by revision, in this very session
    reasons: tuple[Reason, ...] = ()

    @classmethod
    def of(cls, then: Measurement, now: Measurement, revisions: int, looks: Sequence[int], rate: float) -> CheckSearch:
        """The search over so many ``revisions``, which errs at ``rate`` where the check is noisy."""
        metric = now.metric
        if metric.noisy:
            sought = Sought(Edges.of_band(metric.band.ratio(then.value)), metric.better)
            return cls(then, now, TimesSearch(revisions, sought, looks, rate), revisions)
        search = ValueSearch(revisions, then.value, now.value, differ=_differs(now, then))
        return cls(then, now, search, revisions, seen={0: then, revisions: now})

    @property
    def key(self) -> CheckKey:
        """Which check it is about."""
        return self.first.key

    @property
    def noisy(self) -> bool:
        """Whether it is measured in pairs."""
        return self.first.metric.noisy

    def take(self, at: int, told: Told) -> bool:
        """Take in what a run of its test at a revision told; whether it is now known what becomes of that revision."""
        name, before = self.key.name, (self.search.side(at), self.search.wants())
        if told.why or not self._is_told(told):
            why = told.why or f"it does not measure {name} there"
            self.search.pass_over(at)
            if self.search.side(at) is None and self.search.wants() != at and at != self.end:
                self.passed[at] = why
        elif isinstance(self.search, TimesSearch):
            if told.slower is not None:
                self.search.tell(at, told.slower.get(name), disturbed=name in told.disturbed)
        else:
            self.search.tell(at, told.values[name].value, differs=told.values[name].differs)
        known = before[0] is None and self.search.side(at) is not None
        alike = at == self.end and self.search.wants() is None
        return known or alike or (before[1] == at and at in self.passed)

    def _is_told(self, told: Told) -> bool:
        if self.noisy:
            return told.slower is None or self.key.name in told.slower
        return self.key.name in told.values

    def line(self, step: Step, at: int) -> str:
        """What is known of a revision, in words."""
        placed = Placed(step, self.key.name, self.search.side(at), self._turned(self.search.shift(at)),
                        self.passed.get(at, ""))  # fmt: skip
        return told_step(placed, self.search.answer())

    def answer(self) -> Answer:
        """What was found, in the check's own direction."""
        answer = self.search.answer()
        if self.search.wants() is not None:
            answer = replace(answer, ended=Ended.UNFINISHED)
        whole, before, own = map(self._turned, (answer.whole, answer.before, answer.own))
        return replace(answer, whole=whole, before=before, own=own)

    def _turned(self, shift: Shift | None) -> Shift | None:
        """Times are searched with up as slower."""
        if shift is None or shift.log is None or not (self.noisy and self.first.metric.better is Better.HIGHER):
            return shift
        return Shift(-shift.log, *(None if end is None else -end for end in (shift.high, shift.low)))

    def explain(self) -> None:
        """Say of what an exact value consists that it did not at the revision before."""
        answer = self.search.answer()
        if not self.noisy and (then := self.seen.get(answer.good)) and (now := self.seen.get(answer.bad)):
            self.reasons = judge_exact(_compared(now, then)).where

    def place(self, run: PairRun) -> None:
        """Take in where in the model a time changed, from a pair that was to say so."""
        own = self.search.answer().own
        verdict = Verdict.REGRESSED if own and (own.log or 0.0) > 0 else Verdict.IMPROVED
        if (reason := run.placed(self.key, verdict)) is not None:
            self.reasons = (reason,)

    def found(self, steps: Sequence[Step], brought: str, typed: str) -> Found:
        """What became of it."""
        passed = tuple((steps[at], why) for at, why in sorted(self.passed.items()))
        return Found(
            self.key.test, self.key.name, self.last.case.id, self.last.metric.unit, self.noisy, self.answer(),
            self.first.value, self.last.value, passed, self.reasons, brought, typed,
        )  # fmt: skip


class Searches:
    """All searches of a bisection."""

    def __init__(self) -> None:
        self.all: dict[CheckKey, CheckSearch] = {}

    def of(self, test: str) -> Iterator[CheckSearch]:
        """Those for checks of one test."""
        yield from [one for one in self.all.values() if one.key.test == test]

    def next(self) -> tuple[int, list[str], bool] | None:
        """The revision to measure next, tests whose checks wait for it, and whether times are among these."""
        wanted = [(one, at) for one in self.all.values() if (at := one.search.wants()) is not None]
        if not wanted:
            return None
        at = wanted[0][1]
        here = [one for one, wants in wanted if wants == at]
        return at, list(dict.fromkeys(one.key.test for one in here)), any(one.noisy for one in here)

    def told_by_pair(self, at: int, step: Step, run: PairRun) -> Told:
        """What a pair of processes tells, one of them at a revision."""
        here = run.candidate
        why = failure(here, "there") if here is not None else "it was not run there"
        if not why and run.obstacle and run.base is not None and not failure(run.base):
            why = run.obstacle  # another case, say
        values, slower, disturbed = dict[str, Value](), dict[str, float | None](), []
        for one in here.measurements if here is not None and not why else ():
            if one.key in self.all and one.metric.noisy:
                change = None if run.obstacle else run.change(one)
                slower[one.name] = -change if change and one.metric.better is Better.HIGHER else change
                disturbed += [one.name] * run.disturbed(one)
            elif one.key in self.all:
                values[one.name] = self._value(at, one)
        return Told(at=step.id, test=run.test, slower=slower, disturbed=tuple(disturbed), values=values, why=why)

    def told_by_run(self, at: int, step: Step, run: TestRun) -> Told:
        """The same of a process that measured exact values alone."""
        exact = [one for one in run.measurements if one.key in self.all and not one.metric.noisy]
        values = {one.name: self._value(at, one) for one in exact}
        return Told(at=step.id, test=run.test, values=values, why=failure(run, "there"))

    def _value(self, at: int, one: Measurement) -> Value:
        sought = self.all[one.key]
        sought.seen[at] = one
        return Value(value=one.value, differs=_differs(one, sought.first))


def _compared(now: Measurement, then: Measurement) -> Compared:
    return Compared([now], view_of([then], None))


def _differs(now: Measurement, then: Measurement) -> bool:
    """Whether an exact check says that ``now`` is another thing than ``then``."""
    return judge_exact(_compared(now, then)).verdict is not Verdict.OK

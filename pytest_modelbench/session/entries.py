"""What is known of one test: its runs, its pairs, its checks and where each of them is, and how the test ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import NamedTuple

from pytest_modelbench.core.measurement import CheckKey, Measurement
from pytest_modelbench.core.reasons import NotConfirmed, OutOfBudget, Reason
from pytest_modelbench.core.session import Check, Outcome, TestResult
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.procedure import Duet
from pytest_modelbench.judge.state import Event, State, advance
from pytest_modelbench.workers.runs import PairRun, TestRun


class ResultKey(NamedTuple):
    """What is judged: one measurement of one test in one environment, by its slug."""

    test: str
    name: str
    environment: str

    @property
    def check(self) -> CheckKey:
        """What it is called in baselines, which know their environment."""
        return CheckKey(self.test, self.name)


@dataclass(frozen=True, slots=True)
class Decision:
    """How a test ends. ``own``: the test itself decided it, by a failing assertion, an error or a skip."""

    outcome: Outcome
    message: str = ""
    headline: str = ""  #: the message in one line
    own: bool = False


@dataclass(slots=True)
class CheckProgress:
    """One check of a test: where it is on its way, its verdict so far, and what pairs told of it."""

    state: State
    check: Check | None = None
    duet: Duet | None = None  #: what pairs told
    unconfirmed: NotConfirmed | None = None  #: why they told nothing
    located: bool = False  #: pairs have found a change, or the lack of a verdict, and it was asked where it comes from

    def take(self, check: Check, event: Event) -> None:
        """Take in a judgement. An exact check that is settled can still be contradicted by a later process.

        ValueError for a noisy one that is settled, or that the judgement does not fit: its verdict stays as it is.
        """
        contradicted = self.state is State.SETTLED and not check.metric.noisy
        self.state = advance(self.state, Event.CONTRADICTED if contradicted else event)
        self.check = check

    def move(self, event: Event) -> None:
        """Move on without a judgement."""
        self.state = advance(self.state, event)

    def leave_open(self, reason: Reason) -> None:
        """Settle it as inconclusive, as ``reason`` says; what is settled already stays so, as does unchanged code."""
        if self.state is State.SETTLED:
            return
        if self.check is not None:
            judgement = self.check.judgement.noted(reason)
            # What is unchanged is so after one process, too, but one that measures it only now and then is not.
            if not (judgement.verdict is Verdict.UNCHANGED and isinstance(reason, OutOfBudget)):
                judgement = replace(judgement, verdict=Verdict.INCONCLUSIVE)
            self.check = replace(self.check, judgement=judgement)
        self.move(Event.GIVEN_UP)


@dataclass(slots=True)
class TestEntry:
    """Everything known of one test. ``first``: where its checks begin."""

    first: State = State.OPEN
    runs: list[TestRun] = field(default_factory=list)
    pairs: list[PairRun] = field(default_factory=list)  #: of the duet that runs, or ran last
    earlier: list[PairRun] = field(default_factory=list)  #: of duets before that, beside other commits
    course: dict[ResultKey, CheckProgress] = field(default_factory=dict)
    decision: Decision | None = None

    @property
    def measurements(self) -> dict[ResultKey, list[Measurement]]:
        """Measurements of every check, one a process."""
        grouped: dict[ResultKey, list[Measurement]] = {}
        for run in self.runs:
            environment = run.environment.slug if run.environment else ""
            for one in run.measurements:
                grouped.setdefault(ResultKey(one.test, one.name, environment), []).append(one)
        return grouped

    def progress(self, key: ResultKey) -> CheckProgress:
        """The check's progress, which begins where the test's checks begin."""
        return self.course.setdefault(key, CheckProgress(self.first))

    def judged(self) -> Iterator[tuple[ResultKey, CheckProgress, Check]]:
        """Every check that was judged."""
        for key, progress in self.course.items():
            if progress.check is not None:
                yield key, progress, progress.check

    @property
    def checks(self) -> list[Check]:
        """Every check that was judged."""
        return [check for _, _, check in self.judged()]

    @property
    def idle(self) -> tuple[str, ...]:
        """Fixtures by which it measured nothing, though it passed; empty if anything of it was judged."""
        passed = self.decision is not None and self.decision.outcome is Outcome.PASSED
        return self.runs[-1].idle if passed and self.runs and not self.checks else ()

    @property
    def duration_s(self) -> float:
        """Time spent in all processes."""
        sides = (side for pair in (*self.earlier, *self.pairs) for side in pair.sides)
        return sum(run.duration_s for run in {id(run): run for run in (*self.runs, *sides)}.values())

    def seconds_each(self, *, paired: bool, start_s: float) -> float | None:
        """How long another process takes (of a pair: both), which begins in ``start_s``; None if nothing tells."""
        if paired:
            sides = [sum(side.duration_s for side in pair.sides) for pair in self.pairs if len(pair.sides) > 1]
            return start_s + fmean(sides) if sides else None
        return start_s + fmean(run.duration_s for run in self.runs) if self.runs else None

    def result(self, test: str) -> TestResult | None:
        """How ``test``, which this is of, ended; None if it has not."""
        decision = self.decision
        if decision is None:
            return None
        by_verdict = decision.outcome is Outcome.FAILED and not decision.own
        return TestResult(test, decision.outcome, self.duration_s, decision.message, by_verdict, self.idle)

    @property
    def only_in_base(self) -> set[str]:
        """Tests that pairs found in the base, unasked for, where it does not have this one."""
        return {test for pair in self.pairs for test in pair.others}

    @property
    def gone(self) -> list[CheckKey]:
        """Checks that only the base measures."""
        there = {one.key for pair in self.pairs if pair.base for one in pair.base.measurements}
        return sorted(there - {key.check for key in self.measurements})

    @property
    def obstacle(self) -> str:
        """Why pairs compare nothing, once two in a row did not; one may be chance."""
        last = [pair.obstacle for pair in self.pairs[-2:]]
        return last[-1] if len(last) == 2 and all(last) else ""


def failed(text: str) -> Decision:
    """The gate fails the test; the first line of ``text`` is the headline."""
    return Decision(Outcome.FAILED, text, text.splitlines()[0])

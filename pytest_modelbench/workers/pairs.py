"""Two processes in lockstep: the code compared with and the code under test, one of them running at a time.

A pair runs its tests side by side. Base and candidate both get to the same timing, warmed up, each while the other one
is stopped; then they take samples in the order B C C B, so that whatever the machine does falls on both alike. The
value of a block is mean log C - mean log B, that of a pair the median of its blocks. It is a duet as Bulej et al. have
it (ICPE 2020), but for taking turns: there, both run at once.

Nothing here knows of baselines or verdicts: two places of code and tests go in, what became of each test comes out.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from pytest_modelbench.workers.connection import Connection, Timeout
from pytest_modelbench.workers.driver import STARTS, Driver, Heard, Listener
from pytest_modelbench.workers.events import Begin, Quiet, Ready, Started, Taken
from pytest_modelbench.workers.origin import told
from pytest_modelbench.workers.reports import first_line, skip_reason
from pytest_modelbench.workers.runs import PairedTiming, PairRun, TestRun

_NO_SUCH_TEST = "there is no such test in the code compared with"
#: What every backend of torch has in its message, and what cuBLAS and cuDNN say where there is none left for them.
_OUT_OF_MEMORY = ("out of memory", "status_alloc_failed", "cublas_status_not_initialized")
OUT_OF_TIME = "The session's budget was over before this test could be measured (--modelbench-budget)."


MemberLaunch = Callable[[Sequence[str], int, bool], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Sides:
    """How workers on either code are started: on tests, as process number so-and-so, to take turns or by themselves.

    ``collected``: the candidate is the code that the tests were collected from.
    """

    base: MemberLaunch
    candidate: MemberLaunch
    collected: bool = True


def run_pair(
    tests: Sequence[str], number: int, sides: Sides, listener: Listener, timeout_s: Timeout
) -> Iterator[PairRun]:
    """What became of each of ``tests`` in pair ``number`` of fresh processes, as it comes.

    After a process's death, the rest of the tests run in another such pair: a death costs the test it happened in. The
    listener hears of the candidate, and that a test starts. Tests that run out of memory beside each other are measured
    again at the end, one side after the other. Raises UsageError with a worker's own words if it says that nothing can
    be measured there at all.
    """
    left, false_starts = list(tests), 0
    crowded: list[str] = []
    while left:
        with sides.base(left, number, True) as of_base, sides.candidate(left, number, True) as of_candidate:
            # Side by side: nothing is measured, and no core chosen, before each waits to begin its first test.
            base = Driver(of_base, number, timeout_s, _Base(listener))
            candidate = Driver(of_candidate, number, timeout_s, CandidateListener(listener))
            base.go()
            candidate.go()
            # If the base cannot even start, the tests still have outcomes of their own.
            alone = bool(base.trouble) and false_starts + 1 == STARTS
            ended, absent = 0, []
            for test in left:
                if candidate.trouble or (base.trouble and not alone):
                    break
                listener.heard(Started(test))
                run = _test(PairRun(test, number), base, candidate, collected=sides.collected)
                ended += 1
                if _ran_out_of_memory(run):
                    crowded.append(test)
                    continue
                absent += [run] if run.absent else []
                yield run
            base.leave()
            candidate.leave()
            for run in absent:  # known at its end
                run.others = tuple(other for other in base.others if other.startswith(f"{_file(run.test)}::"))
        left = left[ended:]
        false_starts = 0 if ended else false_starts + 1
        trouble = f"No worker process could start. {candidate.trouble}" if false_starts == STARTS else ""
        if over := timeout_s(None) <= 0:
            trouble = OUT_OF_TIME
        if trouble:
            for test in [*left, *crowded]:
                yield PairRun(test, number, candidate=TestRun(test, number, trouble=trouble, cut=over))
            return
    for test in crowded:
        yield _one_after_the_other(test, number, sides, listener, timeout_s)


def _ran_out_of_memory(run: PairRun) -> bool:
    """Whether a side failed for want of memory, which it may have where the other one does not hold some, too."""
    said = [first_line(side.reports, "failed").lower() for side in run.sides]
    return len(said) == 2 and any(word in line for word in _OUT_OF_MEMORY for line in said)


def _one_after_the_other(test: str, number: int, sides: Sides, listener: Listener, timeout_s: Timeout) -> PairRun:
    """One test on both sides, each with the device to itself; which comes first alternates from pair to pair."""
    run = PairRun(test, number, apart=True)
    order = [(sides.base, _Base(listener)), (sides.candidate, CandidateListener(listener))]
    ran: dict[MemberLaunch, TestRun] = {}
    for launch, hears in order if number % 2 else reversed(order):
        with launch([test], number, False) as connection:
            side = Driver(connection, number, timeout_s, hears)
            side.go()
            side.leave()
        ran[launch] = side.runs.get(test) or TestRun(test, number, trouble=side.trouble or side.not_found(test))
    run.base, run.candidate = ran[sides.base], ran[sides.candidate]
    run.obstacle = failure(run.base)
    return run


class _Base:
    """Hears the base: what it tells is in its runs, and its warnings are not what the session is about."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def heard(self, event: Heard) -> None:
        """Each run holds what matters of it, but that time goes on."""
        if isinstance(event, Quiet):
            self._listener.heard(event)

    def test_ended(self, run: TestRun) -> None:
        """A test is over when both sides have left it."""


class CandidateListener(_Base):
    """Hears the candidate, and passes on where it measures and what it is warned of; a pair starts its tests itself."""

    def heard(self, event: Heard) -> None:
        """Pass on."""
        if not isinstance(event, Started):
            self._listener.heard(event)


def _test(run: PairRun, base: Driver, candidate: Driver, *, collected: bool) -> PairRun:
    """One test on both sides, from where both wait to begin it to where both have left it."""
    test = run.test
    # A test that is new has no counterpart to wait for.
    together = base.asks(Begin) == test
    if not together:
        run.obstacle = _absence(base, test)
        run.absent = run.obstacle == _NO_SUCH_TEST
    for side in (base, candidate):
        if side.asks(Begin) == test:
            side.go("go")
    # Who waits at a sample was left there: the other process died, or raised.
    while waiting := [side for side in (base, candidate) if side.asks(Ready) or side.asks(Taken)]:
        then, now = base.asked, candidate.asked
        if isinstance(then, Ready) and isinstance(now, Ready):
            if then.case == now.case:
                _time(run, base, candidate, then, now)
                continue
            run.obstacle = f"it measures another case: {then.case!r} there, {now.case!r} here"
        elif together and not run.obstacle:
            run.obstacle = "it does not measure the same on both sides"
        for side in waiting:
            side.go("enough")
    run.base, run.candidate = base.runs.get(test), candidate.runs.get(test)
    if run.candidate is None:
        trouble = candidate.trouble or candidate.not_found(test, collected=collected)
        run.candidate = TestRun(test, run.pair, trouble=trouble)
    strays = base.strays or candidate.strays
    if run.base is not None:
        # What one side imported from elsewhere is often why the other cannot import it at all.
        run.obstacle = "; ".join(
            filter(None, [failure(run.base) or run.obstacle, told(strays) if strays else ""]),
        )
    return run


def _time(run: PairRun, base: Driver, candidate: Driver, then: Ready, now: Ready) -> None:
    """One timing: blocks B C C B, those that were disturbed on either side again, before their ratio is known."""
    amount = then.amount.beside(now.amount)
    blocks: list[float] = []
    repeated = disturbed = 0
    while not amount.enough(blocks, repeated):
        logs_s: dict[Driver, list[float]] = {base: [], candidate: []}
        upset = False
        for side in (base, candidate, candidate, base):
            side.go("sample")
            if not isinstance(side.asked, Taken):
                return  # it died or raised, and its run says why; `_test` lets the other one go
            logs_s[side].append(side.asked.log_s)
            upset = upset or side.asked.disturbed
        if upset and repeated < amount.repeats:
            repeated += 1
            continue
        disturbed += upset
        blocks.append(statistics.fmean(logs_s[candidate]) - statistics.fmean(logs_s[base]))
    run.timings[now.timing] = PairedTiming(now.case, tuple(blocks), disturbed)
    base.go("enough")
    candidate.go("enough")


def _absence(base: Driver, test: str) -> str:
    if base.trouble:
        return f"the process with the code compared with is gone: {base.trouble}"
    return ": ".join(filter(None, [_NO_SUCH_TEST, base.why_absent(test)]))


def _file(test: str) -> str:
    return test.partition("::")[0]


def failure(run: TestRun, where: str = "in the code compared with") -> str:
    """Why the run of a test, of the base or ``where``, does not count, or an empty string."""
    if run.trouble:
        return f"it does not get through {where}: {run.trouble}"
    outcomes: set[Any] = {report["outcome"] for report in run.reports}
    if "failed" in outcomes:
        how, why = "fails", first_line(run.reports, "failed").partition("\n")[0]
    elif "skipped" in outcomes:
        how, why = "is skipped", skip_reason(run.reports)
    else:
        return ""
    return ": ".join(filter(None, [f"it {how} {where}", why]))

"""Two processes in lockstep: the code compared with and the code under test, one of them running at a time.

A pair runs its tests side by side. Both twins get to the same timing, warmed up, each while the other one is stopped;
then they take samples in the order O N N O, so that whatever the machine does falls on both alike. The value of a block
is mean log N - mean log O, that of a pair the median of its blocks.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Protocol

from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.records import Record
from pytest_modelbench.workers.origin import told
from pytest_modelbench.workers.pairs import PairRun, Timing
from pytest_modelbench.workers.protocol import Message, environment_from_json
from pytest_modelbench.workers.reports import first_line, skip_reason
from pytest_modelbench.workers.rounds import STARTS, LaunchPartner, Partner, TestRun, Timeout

#: Messages by which a twin hands the word back.
_ASKS = frozenset({"begin", "ready", "sample"})


class Listener(Protocol):
    """Who is told what happens."""

    def environment_known(self, environment: Environment) -> None:
        """The twin with the code under test measures here."""

    def twin_environment_known(self, environment: Environment) -> None:
        """The twin with the code compared with measures here."""

    def test_started(self, test: str) -> None:
        """Both twins begin with ``test``."""

    def pair_ended(self, run: PairRun) -> None:
        """``run`` is over, one way or another."""

    def warning(self, message: Message) -> None:
        """A warning was raised in the twin with the code under test."""


class _Side:
    """One twin: where it is, and what it has told."""

    def __init__(self, twin: Partner, process: int, timeout_s: Timeout, tell: Callable[[Message], None]) -> None:
        self._twin = twin
        self._messages = iter(twin.messages(timeout_s))
        self._timeout_s = timeout_s
        self._process = process
        self._tell = tell
        self._running: TestRun | None = None
        self._broken: list[str] = []
        self._done = False
        self.asked: Message | None = None  #: what it waits for an answer to; None: it has ended
        self.runs: dict[str, TestRun] = {}
        self.strays: tuple[str, ...] = ()
        self.trouble = ""

    def go(self, word: str = "") -> None:
        """Let the twin run, with ``word`` as the answer to what it asked, until it asks again or ends."""
        self.asked = None
        self._twin.resume()
        if word:
            self._twin.answer(word)
        for message in self._messages:
            kind = message["kind"]
            if kind in _ASKS:
                if kind == "begin":
                    self._running = self.runs[message["test"]] = TestRun(message["test"], self._process)
                self.asked = message
                self._twin.pause()
                return
            if kind == "fatal":
                raise UsageError(message["message"])
            if kind == "done":
                self._done = True
                return
            self._take(message)
        self.trouble = "\n".join([*self._broken, self._twin.death()])
        if self._running is not None:
            self._running.trouble = self.trouble
            self._running.cut = self._timeout_s(None) <= 0

    def leave(self) -> None:
        """Wait for the end of a twin that has nothing more to say; both may end at the same time."""
        if self._done:
            self._twin.wait()

    def _take(self, message: Message) -> None:
        kind, run = message["kind"], self._running
        if kind in ("hello", "warning"):
            self._tell(message)
        elif kind == "broken":
            self._broken.append(f"{message['where']} cannot be imported: {_last_line(message['text'])}")
        elif run is None:
            return
        elif kind == "record":
            run.records.append(Record.from_json(message["record"]))
        elif kind == "report":
            run.reports.append(message["report"])
        elif kind == "finish":
            self.strays = tuple(message["strays"])
            self._running = None

    @property
    def broken(self) -> str:
        """What could not be imported, or an empty string."""
        return "; ".join(self._broken)

    def at(self, kind: str) -> str:
        """The test before which (``begin``) or in which (``ready``, ``sample``) it waits for an answer; else empty."""
        return str(self.asked["test"]) if self.asked and self.asked["kind"] == kind else ""


def run_pair(
    tests: Sequence[str],
    number: int,
    launch_old: LaunchPartner,
    launch_new: LaunchPartner,
    listener: Listener,
    timeout_s: Timeout,
) -> None:
    """Measure ``tests`` in a pair of fresh processes; after a twin's death, the rest of them in another such pair.

    The listener is told of each test once: a death costs the test it happened in. Raises UsageError with a twin's own
    words if it says that nothing can be measured there at all.
    """

    def tell_old(message: Message) -> None:
        if message["kind"] == "hello":
            listener.twin_environment_known(environment_from_json(message["environment"]))

    def tell_new(message: Message) -> None:
        if message["kind"] == "hello":
            listener.environment_known(environment_from_json(message["environment"]))
        else:
            listener.warning(message)

    left, false_starts = list(tests), 0
    while left:
        with launch_old(left, number) as old_twin, launch_new(left, number) as new_twin:
            # Side by side: nothing is measured, and no core chosen, before each waits to begin its first test.
            old = _Side(old_twin, number, timeout_s, tell_old)
            new = _Side(new_twin, number, timeout_s, tell_new)
            old.go()
            new.go()
            # If the old code cannot even start, the tests still have outcomes of their own.
            alone = bool(old.trouble) and false_starts + 1 == STARTS
            ended = 0
            for test in left:
                if new.trouble or (old.trouble and not alone):
                    break
                listener.pair_ended(_test(test, number, old, new, listener))
                ended += 1
            old.leave()
            new.leave()
        left = left[ended:]
        false_starts = 0 if ended else false_starts + 1
        trouble = f"No worker process could start. {new.trouble}" if false_starts == STARTS else ""
        if over := timeout_s(None) <= 0:
            trouble = "The session's budget was over before this test could be measured (--modelbench-budget)."
        if trouble:
            for test in left:
                listener.pair_ended(PairRun(test, number, new=TestRun(test, number, trouble=trouble, cut=over)))
            return


def _test(test: str, number: int, old: _Side, new: _Side, listener: Listener) -> PairRun:
    """One test on both sides, from where both wait to begin it to where both have left it."""
    run = PairRun(test, number)
    listener.test_started(test)
    # A test that is new has no counterpart to wait for.
    together = old.at("begin") == test
    if not together:
        run.obstacle = _absence(old)
    for side in (old, new):
        if side.at("begin") == test:
            side.go("go")
    # Who waits at a sample was left there: its twin died, or raised.
    while waiting := [side for side in (old, new) if side.at("ready") or side.at("sample")]:
        if old.asked and new.asked and old.asked["kind"] == new.asked["kind"] == "ready":
            if old.asked["case"] == new.asked["case"]:
                _duel(run, old, new)
                continue
            run.obstacle = f"it measures another case: {old.asked['case']!r} there, {new.asked['case']!r} here"
        elif together and not run.obstacle:
            run.obstacle = "it does not measure the same on both sides"
        for side in waiting:
            side.go("enough")
    run.old, run.new = old.runs.get(test), new.runs.get(test)
    if run.new is None:
        trouble = "The worker process did not find this test, though it was collected."
        run.new = TestRun(test, number, trouble=trouble)
    strays = old.strays or new.strays
    if run.old is not None:
        run.obstacle = _failure(run.old) or run.obstacle or (told(strays) if strays else "")
    return run


def _duel(run: PairRun, old: _Side, new: _Side) -> None:
    """One timing: blocks O N N O, those that were disturbed on either side again, before their ratio is known."""
    assert old.asked
    assert new.asked
    number, case = int(new.asked["timing"]), str(new.asked["case"])
    amount = Amount(**old.asked["amount"]).beside(Amount(**new.asked["amount"]))
    blocks: list[float] = []
    repeated = disturbed = 0
    while not amount.enough(blocks, repeated):
        levels: dict[_Side, list[float]] = {old: [], new: []}
        upset = False
        for side in (old, new, new, old):
            side.go("sample")
            if not side.asked or side.asked["kind"] != "sample":
                return  # it died or raised, and its run says why; `_test` lets the other one go
            levels[side].append(_finite(side.asked["level"]))
            upset = upset or bool(side.asked["disturbed"])
        if upset and repeated < amount.repeats:
            repeated += 1
            continue
        disturbed += upset
        blocks.append(statistics.fmean(levels[new]) - statistics.fmean(levels[old]))
    run.timings[number] = Timing(case, tuple(blocks), disturbed)
    old.go("enough")
    new.go("enough")


def _finite(level: object) -> float:
    if not isinstance(level, float) or not math.isfinite(level):
        raise UsageError(f"a process of the comparison told {level!r} as the log of a time; run the comparison again")
    return level


def _absence(old: _Side) -> str:
    if old.trouble:
        return f"the process with the code compared with is gone: {old.trouble}"
    return f"there is no such test in the code compared with{': ' if old.broken else ''}{old.broken}"


def _last_line(text: str) -> str:
    """The line of a traceback that says what happened."""
    lines = [line.removeprefix("E").strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _failure(run: TestRun) -> str:
    """Why the old code's run of a test does not count, or an empty string."""
    if run.trouble:
        return f"it does not get through in the code compared with: {run.trouble}"
    outcomes = {report["outcome"] for report in run.reports}
    if "failed" in outcomes:
        how, why = "fails", first_line(run.reports, "failed").partition("\n")[0]
    elif "skipped" in outcomes:
        how, why = "is skipped", skip_reason(run.reports)
    else:
        return ""
    return ": ".join(filter(None, [f"it {how} in the code compared with", why]))

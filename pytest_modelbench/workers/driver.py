"""The one reader of what a worker tells: rounds and pairs are driven by it, so that all means the same in both."""

from __future__ import annotations

import time
from typing import Protocol

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.workers.connection import Connection, Timeout
from pytest_modelbench.workers.events import (
    Asked,
    Begin,
    Done,
    Event,
    Finished,
    Hello,
    Noted,
    Quiet,
    Ready,
    Recorded,
    Refused,
    Reported,
    Started,
    Taken,
    Unimportable,
    Warned,
)
from pytest_modelbench.workers.runs import TestRun, not_found

#: Workers that die before their first test, one after the other, until that is taken for the machine's or the
#: configuration's fault: once may be chance.
STARTS = 2


#: What is told at once, since it is not about what becomes of a test: where a worker measures, that a test begins,
#: what it is warned of, what it has JUnit's file say, and that it has told nothing for a while.
Heard = Hello | Started | Warned | Noted | Quiet


class Listener(Protocol):
    """Who is told what happens in a worker."""

    def heard(self, event: Heard) -> None:
        """A worker told something."""

    def test_ended(self, run: TestRun) -> None:
        """``run`` is over, one way or another."""


class Driver:
    """One worker: where it is, and what it has told."""

    def __init__(self, connection: Connection, process: int, timeout_s: Timeout, listener: Listener) -> None:
        self._connection = connection
        self._messages = iter(connection.messages(timeout_s))
        self._timeout_s = timeout_s
        self._process = process
        self._listener = listener
        self._environment: Environment | None = None
        self._resumed_s = 0.0
        self._unimportable: list[Unimportable] = []
        self.asked: Asked | None = None  #: what it waits for an answer to; None: it has ended
        self.running: TestRun | None = None  #: the test it is in, or fell silent in
        self.runs: dict[str, TestRun] = {}  #: every test that it began
        self.ended: set[str] = set()  #: those that it finished
        self.strays: tuple[str, ...] = ()
        self.done = False  #: it said that it was through
        self._stopped = ""
        self._others: tuple[str, ...] = ()
        self.trouble = ""  #: why it ended before that

    def go(self, word: str = "") -> None:
        """Let the worker run, with ``word`` as the answer to what it asked, until it asks again or ends.

        Raises UsageError with the worker's own words if it says that nothing can be measured there at all.
        """
        self.asked = None
        self._resumed_s = time.monotonic()
        self._connection.resume()
        if word:
            self._connection.answer(word)
        for event in self._messages:
            if isinstance(event, (Begin, Ready, Taken)):
                self._count_time()
                self.asked = event
                self._connection.pause()
                return
            if isinstance(event, Done):
                self.done, self._stopped, self._others = True, event.stopped, event.others
                return
            if isinstance(event, Quiet):
                self._listener.heard(event)
                continue
            self._take(event)
        self._count_time()
        self.trouble = "\n".join(filter(None, [self.unimportable, self._connection.death()]))
        if self.running is not None:
            self.running.trouble = self.trouble or "The worker process ended in the middle of the test."
            self.running.cut = self._timeout_s(None) <= 0

    def leave(self) -> None:
        """Wait for the end of a worker that has nothing more to say."""
        if self.done:
            self._connection.wait()

    def asks(self, kind: type[Begin] | type[Ready] | type[Taken]) -> str:
        """The test before which (`Begin`) or in which (`Ready`, `Taken`) it waits for an answer; else empty."""
        return self.asked.test if isinstance(self.asked, kind) else ""

    def not_found(self, test: str, *, collected: bool = True) -> str:
        """Why a worker that went through did not run ``test``, which was ``collected`` of the same files before."""
        if not collected:
            return self.why_absent(test) or "there is no such test"
        return not_found(test, self._stopped, self._others)

    @property
    def unimportable(self) -> str:
        """What could not be imported, or an empty string."""
        return "; ".join(_said(one) for one in self._unimportable if not one.skipped)

    @property
    def others(self) -> tuple[str, ...]:
        """Tests of a worker that went through in files in which it did not find all that it was given."""
        return self._others

    def why_absent(self, test: str) -> str:
        """Why a worker that is past ``test`` did not run it; empty: it has collected its file, and not found it."""
        if not self.done and self.asked is None:
            return self.trouble or "its process ended"
        if self._stopped:
            return f"its process stopped before this test: {self._stopped}"
        file = test.partition("::")[0]
        return "; ".join(_said(one) for one in self._unimportable if _concerns(one.where, file))

    def _take(self, event: Event) -> None:
        if isinstance(event, Refused):
            raise UsageError(event.message)
        if isinstance(event, Hello):
            self._environment = event.environment
        elif isinstance(event, Started):
            self._resumed_s = time.monotonic()
            self.running = self.runs[event.test] = TestRun(event.test, self._process, self._environment)
        elif isinstance(event, Unimportable):
            self._unimportable.append(event)
        if isinstance(event, (Hello, Started, Warned, Noted)):
            self._listener.heard(event)
        elif self.running is not None:
            self._of_test(self.running, event)

    def _of_test(self, run: TestRun, event: Event) -> None:
        if isinstance(event, Recorded):
            run.measurements.append(event.measurement)
        elif isinstance(event, Reported):
            if event.report["outcome"] == "rerun":
                run.measurements.clear()  # pytest-rerunfailures repeats the test; this attempt does not count
            run.reports.append(event.report)
        elif isinstance(event, Finished):
            self._count_time()
            self.strays = event.strays
            run.imported, run.files = event.imported, event.files
            run.idle = event.idle
            self.ended.add(run.test)
            self.running = None
            self._listener.test_ended(run)

    def _count_time(self) -> None:
        """Add to the test that runs the time since it began, or was last resumed."""
        if self.running is not None:
            self.running.duration_s += time.monotonic() - self._resumed_s


def _said(one: Unimportable) -> str:
    if one.skipped:
        return f"{one.where} is skipped as a whole: {_last_line(one.text)}"
    return f"{one.where} cannot be imported: {_last_line(one.text)}"


def _concerns(where: str, file: str) -> bool:
    """Whether ``file`` is not collected either where ``where`` is not: a file, a folder, or a package by its own."""
    place = where.partition("::")[0].removesuffix("__init__.py").rstrip("/")
    return place in ("", ".", file) or file.startswith(f"{place}/")


def _last_line(text: str) -> str:
    """The line of a traceback that says what happened."""
    lines = [line.removeprefix("E").strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else ""

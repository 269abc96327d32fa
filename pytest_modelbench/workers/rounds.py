"""The order of a session: passes over the tests that are not settled, each in a fresh worker."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.records import Record
from pytest_modelbench.workers.protocol import Message, environment_from_json

#: Workers that die before their first test, one after the other, until that is taken for the machine's or the
#: configuration's fault: once may be chance.
STARTS = 2


@dataclass(slots=True)
class TestRun:
    """One test in one process: its reports as the worker serialized them, its records, and how it ended.

    ``trouble`` says what happened to a worker that did not live to the end of the test.
    """

    __test__ = False  # pytest collects classes named Test*

    test: str
    process: int
    reports: list[dict[str, Any]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    duration_s: float = 0.0
    trouble: str = ""
    cut: bool = False  #: the worker was ended since the time for it was over
    ended: bool = True  #: False while the test still runs, as when it is judged in its own process


Timeout = Callable[[str | None], float]


class Listener(Protocol):
    """Who is told what happens, and decides what is settled."""

    def environment_known(self, environment: Environment) -> None:
        """A worker has started; it measures in this environment."""

    def pass_started(self, number: int, tests: Sequence[str]) -> None:
        """A pass over ``tests`` begins."""

    def test_started(self, test: str) -> None:
        """A worker begins with ``test``."""

    def test_ended(self, run: TestRun) -> None:
        """``run`` is over, one way or another."""

    def pass_ended(self, number: int) -> None:
        """Every test of the pass is over."""

    def unsettled(self, tests: Sequence[str]) -> Sequence[str]:
        """Those of ``tests`` that another pass should measure."""

    def warning(self, message: Message) -> None:
        """A warning was raised in a worker."""


class MessageSource(Protocol):
    """What is needed of a worker process; `workers.process.Worker` is the real one."""

    def messages(self, timeout_s: Timeout) -> Iterable[Message]:
        """Messages until the worker's end."""

    def wait(self) -> int:
        """Exit status of a worker that is done."""

    def death(self) -> str:
        """Why it ended early."""


class Partner(MessageSource, Protocol):
    """What is needed of a worker process that waits for answers; `workers.process.Worker` is the real one."""

    def answer(self, word: str) -> None:
        """Let the worker go on."""

    def pause(self) -> None:
        """Stop the worker and all it started."""

    def resume(self) -> None:
        """Let the worker run again."""


Launch = Callable[[Sequence[str], int], AbstractContextManager[MessageSource]]
LaunchPartner = Callable[[Sequence[str], int], AbstractContextManager[Partner]]


def run_passes(
    tests: Sequence[str],
    launch: Launch,
    listener: Listener,
    *,
    most: int,
    timeout_s: Timeout,
    seed: str,
    first: int = 1,
    out_of_time: Callable[[], bool] = lambda: False,
) -> None:
    """Measure ``tests`` in up to ``most`` passes, numbered from ``first`` on, until the listener calls all settled.

    ``launch(tests, process)`` starts a worker; ``timeout_s(test)`` says how long a test may take, and for None anything
    between tests. Once the session is ``out_of_time``, nothing more is measured, and the test that just ran does not
    count. Raises UsageError with the worker's own words if it says that the session cannot run here at all.
    """
    remaining: Sequence[str] = list(tests)
    for number in range(first, first + most):
        if not remaining:
            return
        order = shuffled(remaining, f"{seed}-{number}")
        listener.pass_started(number, order)
        _run_pass(order, number, launch, listener, timeout_s, out_of_time)
        if out_of_time():
            return
        listener.pass_ended(number)
        remaining = listener.unsettled(remaining)


def shuffled(tests: Sequence[str], seed: str) -> list[str]:
    """``tests`` in random order within each module, modules in random order: neighbours differ from pass to pass."""
    modules: dict[str, list[str]] = {}
    for test in tests:
        modules.setdefault(test.partition("::")[0], []).append(test)
    order = random.Random(seed)
    groups = list(modules.values())
    order.shuffle(groups)
    for group in groups:
        order.shuffle(group)
    return [test for group in groups for test in group]


def _run_pass(
    order: Sequence[str],
    number: int,
    launch: Launch,
    listener: Listener,
    timeout_s: Timeout,
    out_of_time: Callable[[], bool],
) -> None:
    left, false_starts = list(order), 0
    while left:
        with launch(left, number) as worker:
            current, ended, finished = _listen(worker, number, listener, timeout_s)
            trouble = "" if finished else worker.death()
        left = [test for test in left if test not in ended]
        if not finished and out_of_time():
            return
        if current is not None:
            current.trouble = trouble or "The worker process ended in the middle of the test."
            left.remove(current.test)
            listener.test_ended(current)
        if finished:
            for test in left:
                listener.test_ended(
                    TestRun(test, number, trouble="The worker process did not find this test, though it was collected.")
                )
            return
        false_starts = 0 if ended or current is not None else false_starts + 1
        if false_starts == STARTS:
            for test in left:
                listener.test_ended(TestRun(test, number, trouble=f"No worker process could start. {trouble}"))
            return


def _listen(
    worker: MessageSource, process: int, listener: Listener, timeout_s: Timeout
) -> tuple[TestRun | None, set[str], bool]:
    """The test the worker was in when it fell silent, the tests it ended, and whether it said that it was done."""
    current: TestRun | None = None
    started_s = 0.0
    ended: set[str] = set()
    for message in worker.messages(timeout_s):
        kind = message["kind"]
        if kind == "hello":
            listener.environment_known(environment_from_json(message["environment"]))
        elif kind == "fatal":
            raise UsageError(message["message"])
        elif kind == "warning":
            listener.warning(message)
        elif kind == "start":
            current, started_s = TestRun(message["test"], process), time.monotonic()
            listener.test_started(current.test)
        elif kind == "done":
            worker.wait()
            return current, ended, True
        elif current is not None:
            if kind == "record":
                current.records.append(Record.from_json(message["record"]))
            elif kind == "report":
                if message["report"]["outcome"] == "rerun":
                    current.records.clear()  # pytest-rerunfailures repeats the test; this attempt does not count
                current.reports.append(message["report"])
            elif kind == "finish":
                current.duration_s = time.monotonic() - started_s
                ended.add(current.test)
                finished, current = current, None
                listener.test_ended(finished)
    return current, ended, False

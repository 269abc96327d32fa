"""Rounds over the tests that are not settled, each in a fresh worker."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pytest_modelbench.workers.connection import Launch, Timeout
from pytest_modelbench.workers.driver import STARTS, Driver, Listener
from pytest_modelbench.workers.runs import TestRun


class RoundListener(Listener, Protocol):
    """Who is told what happens in rounds, and decides what is settled."""

    def round_started(self, number: int, tests: Sequence[str]) -> None:
        """A round over ``tests`` begins."""

    def round_ended(self, number: int) -> None:
        """Every test of the round is over."""

    def unsettled(self, tests: Sequence[str]) -> Sequence[str]:
        """Those of ``tests`` that another round should measure."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long measuring may go on: each test in one process, and all of it.

    Once it is ``out_of_time``, nothing more is measured, and the test that just ran does not count.
    """

    timeout_s: Timeout
    out_of_time: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """Up to ``most`` rounds, numbered from ``first`` on; ``seed`` is that of the order of tests, None: as they are."""

    most: int
    seed: str | None
    first: int = 1


def run_rounds(tests: Sequence[str], launch: Launch, listener: RoundListener, plan: RoundPlan, limits: Limits) -> None:
    """Measure ``tests``, round by round, until the listener calls all of them settled.

    ``launch(tests, process)`` starts a worker. Raises UsageError with the worker's own words if it says that the
    session cannot run here at all.
    """
    remaining: Sequence[str] = list(tests)
    for number in range(plan.first, plan.first + plan.most):
        if not remaining:
            return
        order = ordered(remaining, plan.seed, str(number))
        listener.round_started(number, order)
        _run_round(order, number, launch, listener, limits)
        if limits.out_of_time():
            return
        listener.round_ended(number)
        remaining = listener.unsettled(remaining)


def ordered(tests: Sequence[str], seed: str | None, *which: str) -> list[str]:
    """``tests`` in random order within each module, modules in random order: neighbours differ from round to round.

    ``which`` tells rounds apart. Without a ``seed``, the order stays as it is.
    """
    if seed is None:
        return list(tests)
    return shuffled(tests, "-".join([seed, *which]))


def shuffled(tests: Sequence[str], seed: str) -> list[str]:
    """``tests`` in the random order of ``seed``, those of a module together."""
    modules: dict[str, list[str]] = {}
    for test in tests:
        modules.setdefault(test.partition("::")[0], []).append(test)
    order = random.Random(seed)
    groups = list(modules.values())
    order.shuffle(groups)
    for group in groups:
        order.shuffle(group)
    return [test for group in groups for test in group]


def _run_round(order: Sequence[str], number: int, launch: Launch, listener: Listener, limits: Limits) -> None:
    """One worker over all tests; where it dies, another one over the rest of them: a death costs its own test."""
    left, false_starts = list(order), 0
    while left:
        with launch(left, number) as connection:
            driver = Driver(connection, number, limits.timeout_s, listener)
            driver.go()
            driver.leave()
        left = [test for test in left if test not in driver.ended]
        if not driver.done and limits.out_of_time():
            return
        if (interrupted := driver.running) is not None:
            left.remove(interrupted.test)
            interrupted.trouble = interrupted.trouble or "The worker process ended in the middle of the test."
            listener.test_ended(interrupted)
        if driver.done:
            for test in left:
                listener.test_ended(TestRun(test, number, trouble=driver.not_found(test)))
            return
        false_starts = 0 if driver.runs else false_starts + 1
        if false_starts == STARTS:
            for test in left:
                listener.test_ended(TestRun(test, number, trouble=f"No worker process could start. {driver.trouble}"))
            return

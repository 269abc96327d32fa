"""A test run for what it measures exactly: a process of its own, which takes the fewest samples of times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_modelbench.workers.connection import Timeout
from pytest_modelbench.workers.driver import Driver, Listener
from pytest_modelbench.workers.events import Begin
from pytest_modelbench.workers.pairs import CandidateListener, MemberLaunch
from pytest_modelbench.workers.runs import TestRun


def run_untimed(
    tests: Sequence[str], number: int, launch: MemberLaunch, listener: Listener, timeout_s: Timeout
) -> Iterator[TestRun]:
    """What became of each of ``tests`` in one process; what follows a death is in trouble by it.

    Raises UsageError with the worker's own words if it says that nothing can be measured there at all.
    """
    with launch(tests, number, True) as connection:
        driver = Driver(connection, number, timeout_s, CandidateListener(listener))
        driver.go()
        while driver.asked:
            driver.go("go" if isinstance(driver.asked, Begin) else "enough")
        driver.leave()
    for test in tests:
        run = driver.runs.get(test)
        yield run or TestRun(test, number, trouble=driver.trouble or driver.not_found(test, collected=False))

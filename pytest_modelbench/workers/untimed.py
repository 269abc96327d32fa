"""A test run for what it measures exactly: a process of its own, which takes the fewest samples of times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_modelbench.workers.connection import Timeout
from pytest_modelbench.workers.driver import Driver, Listener
from pytest_modelbench.workers.events import Begin
from pytest_modelbench.workers.origin import told
from pytest_modelbench.workers.pairs import CandidateListener, MemberLaunch
from pytest_modelbench.workers.runs import TestRun


def run_untimed(
    tests: Sequence[str], number: int, launch: MemberLaunch, listener: Listener, timeout_s: Timeout
) -> Iterator[TestRun]:
    """What became of each of ``tests``, in one process; after a death, the rest of them in another one.

    Code that was imported from elsewhere is a trouble: what was measured is then not of what was asked for. Raises
    UsageError with the worker's own words if it says that nothing can be measured there at all.
    """
    left = list(tests)
    while left:
        strays: dict[str, tuple[str, ...]] = {}
        with launch(left, number, True) as connection:
            driver = Driver(connection, number, timeout_s, CandidateListener(listener))
            driver.go()
            while driver.asked:
                begun = driver.asked.test
                driver.go("go" if isinstance(driver.asked, Begin) else "enough")
                if begun in driver.ended:
                    strays[begun] = driver.strays
            driver.leave()
        over = timeout_s(None) <= 0
        for run in driver.runs.values():
            if not run.trouble and strays.get(run.test):
                run.trouble = told(strays[run.test])
            yield run
        left = [test for test in left if test not in driver.runs]
        if driver.done or not driver.runs or over:
            for test in left:
                trouble = driver.trouble or driver.not_found(test, collected=False)
                yield TestRun(test, number, trouble=trouble, cut=over)
            return

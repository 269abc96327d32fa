"""How far a session is, on a terminal below the current line, elsewhere one line a round."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from pytest_modelbench.report.progress import Course, progress_line, remaining
from pytest_modelbench.workers.runs import TestRun

_ERASE_BELOW = "\x1b[J"


class Progress:
    """Shows which test of which round runs. Silent under ``-q`` and without pytest's own terminal reporter.

    Made when the session runs: pytest has its terminal reporter only then.
    """

    def __init__(self, config: pytest.Config) -> None:
        terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
        # Another plugin may have put one of its own in the place of pytest's.
        self._terminal: Any = terminal if hasattr(terminal, "isatty") and hasattr(terminal, "_tw") else None
        verbosity = config.get_verbosity()
        self._live = bool(self._terminal and self._terminal.isatty and verbosity >= 0)
        self._by_round = bool(self._terminal and not self._live and verbosity > 0)
        self._shown = False
        self._started_s = time.monotonic()
        self._durations_s: dict[str, float] = {}
        self._left: list[str] = []
        self._later: list[str] = []  # tests that later rounds will run again, once for each round
        self._round, self._rounds, self._total = 0, 0, 0

    def round_started(self, number: int, looks: Sequence[int], tests: Sequence[str], beside: str = "") -> None:
        """A round, or ``beside`` other code a pair, begins; open tests are looked at after ``looks`` of them."""
        rounds = next((look for look in looks if look >= number), number)
        self._round, self._rounds, self._total, self._left = number, rounds, len(tests), list(tests)
        self._later = []
        if self._by_round:
            count = f"{len(tests)} test{'s' if len(tests) != 1 else ''}"
            self._terminal.write_line("")
            what = f"pair {number} of {rounds} beside {beside}" if beside else f"round {number} of {rounds}"
            self._terminal.write_line(f"modelbench: {what}: {count}")

    def test_started(self, test: str) -> None:
        """A test begins: show it."""
        if not self._live:
            return
        self.clear()
        writer = self._terminal._tw
        done = self._total - len(self._left)
        elapsed_s = time.monotonic() - self._started_s
        remaining_s = remaining([*self._left, *self._later], self._durations_s)
        course = Course(self._round, self._rounds, done, self._total, elapsed_s, remaining_s)
        line = progress_line(course, test.rpartition("::")[2], writer.fullwidth - 1)
        # Below the line that pytest is writing dots on, and back to where it was: relative moves survive scrolling.
        column = writer.width_of_current_line
        right = f"\x1b[{column}C" if column else ""
        writer._file.write(f"\n{line}\r\x1b[A{right}")
        writer._file.flush()
        self._shown = True

    def test_ended(self, run: TestRun) -> None:
        """A test is over: remember how long it took."""
        self._durations_s[run.test] = run.duration_s
        if run.test in self._left:
            self._left.remove(run.test)
        if any(one.metric.noisy for one in run.measurements):
            self._later += [run.test] * (self._rounds - self._round)

    def clear(self) -> None:
        """Make room for what pytest writes next."""
        if self._shown:
            self._terminal._tw._file.write(_ERASE_BELOW)
            self._terminal._tw._file.flush()
            self._shown = False

"""How far a session is, on a terminal below the current line, elsewhere a line for what takes longer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from pytest_modelbench.report.progress import Course, Stage, progress_line, stage_line
from pytest_modelbench.session.pace import Pace
from pytest_modelbench.workers.runs import TestRun

_ERASE_BELOW = "\x1b[J"
#: How often the line is written again while nothing happens: its times are of seconds, and a measurement runs beside.
_REFRESH_S = 1.0


class Progress:
    """Shows which test of which round runs. Silent under ``-q`` and without pytest's own terminal reporter.

    Made when the session runs: pytest has its terminal reporter only then. ``fixed``: no rounds follow those planned.
    """

    def __init__(
        self, config: pytest.Config, *, fixed: bool = False, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
        # Another plugin may have put one of its own in the place of pytest's.
        self._terminal: Any = terminal if hasattr(terminal, "isatty") and hasattr(terminal, "_tw") else None
        # Without pytest's terminal there is no such option, and pytest 8.1 fails where it is asked.
        verbosity = config.get_verbosity() if terminal is not None else 0
        told = self._told = bool(self._terminal) and verbosity >= 0
        self._live = told and bool(getattr(self._terminal, "isatty", False))
        # What tests print comes in between, with -s: the line is then written where something begins, and no more.
        self._goes_on = self._live and getattr(config.option, "capture", "fd") != "no"
        self._by_stage = told and not self._live
        self._by_round = self._by_stage and verbosity > 0
        self._fixed = fixed
        self._now_s = now_s
        self._started_s = self._drawn_s = now_s()
        self._pace = Pace(now_s)
        self._shown = False
        self._test = ""
        self._stage, self._beside, self._paired = Stage.FIRST, "", False
        self._round, self._rounds, self._done, self._total = 0, 0, 0, 0

    def round_started(
        self,
        number: int,
        looks: Sequence[int],
        tests: Sequence[str],
        beside: str = "",
        stage: Stage | None = None,
    ) -> None:
        """A round, or ``beside`` other code a pair, begins; open tests are looked at after ``looks`` of them."""
        stage = stage or self._stage_of(number, looks, beside)
        new = stage is not Stage.FIRST and (stage, beside) != (self._stage, self._beside)
        self._stage, self._beside, self._paired = stage, beside, self._paired or bool(beside)
        self._round, self._rounds = number, next((look for look in looks if look >= number), number)
        self._done, self._total, self._test = 0, len(tests), ""
        self._pace.process_started(tests, self._rounds - number, paired=bool(beside))
        if self._by_round or (self._by_stage and new):
            self._terminal.write_line(stage_line(self._course(), beside))
        self._draw()

    def test_started(self, test: str) -> None:
        """A test begins: show it."""
        self._pace.test_started(test)
        self._test = test
        self._draw()

    def test_ended(self, run: TestRun) -> None:
        """A test is over: remember how long it took."""
        self._pace.test_ended(run.test, noisy=any(one.metric.noisy for one in run.measurements))
        self._done += 1

    def waited(self) -> None:
        """Nothing happened for a while: the times go on."""
        if self._goes_on and self._now_s() - self._drawn_s >= _REFRESH_S:
            self._draw()

    def advise(self, text: str) -> None:
        """Say something at once, on a line of its own, that would come too late at the end."""
        if self._told:
            shown = self._shown
            self.clear()
            self._terminal.write_line(text)
            if shown:  # before the first round there is nothing to go on with
                self._draw()

    def clear(self) -> None:
        """Make room for what pytest writes next."""
        if self._shown:
            self._terminal._tw._file.write(_ERASE_BELOW)
            self._terminal._tw._file.flush()
            self._shown = False

    def _stage_of(self, number: int, looks: Sequence[int], beside: str) -> Stage:
        if beside and self._round and not (self._paired and self._stage in (Stage.FIRST, Stage.OPEN)):
            return Stage.CONFIRMING  # rounds came before
        if not beside and self._paired:
            return Stage.AGAIN
        return Stage.FIRST if number <= looks[0] else Stage.OPEN

    def _course(self) -> Course:
        remaining_s = self._pace.left_s()
        # More may follow than up to the next look, unless nothing varies.
        at_least = self._pace.repeats and not self._fixed
        return Course(
            self._round, self._rounds, self._done, self._total, self._now_s() - self._started_s, remaining_s,
            at_least, "pair" if self._beside else "round", self._stage,
        )  # fmt: skip

    def _draw(self) -> None:
        """Show the line anew."""
        if not self._live:
            return
        self.clear()
        writer = self._terminal._tw
        line = progress_line(self._course(), self._test.rpartition("::")[2] or "starting", writer.fullwidth - 1)
        # Below the line that pytest is writing dots on, and back to where it was: relative moves survive scrolling.
        column = writer.width_of_current_line
        right = f"\x1b[{column}C" if column else ""
        writer._file.write(f"\n{line}\r\x1b[A{right}")
        writer._file.flush()
        self._shown, self._drawn_s = True, self._now_s()

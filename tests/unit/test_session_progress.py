"""How far a session is, and how long it will take, by a clock that moves only when a test says so."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.measurement import Measurement, RelativeTime
from pytest_modelbench.session.pace import Pace
from pytest_modelbench.session.progress import Progress
from pytest_modelbench.workers.runs import TestRun


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Session:
    """A pace that goes through processes: their start and every test take what is said."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.pace = Pace(self.clock)

    def wait(self, seconds: float) -> None:
        self.clock.now_s += seconds

    def process(self, later: int, start_s: float, tests: dict[str, float], *, paired: bool = False, noisy: str = "ab"):
        self.pace.process_started(list(tests), later, paired=paired)
        self.wait(start_s)
        for test, seconds in tests.items():
            self.pace.test_started(test)
            self.wait(seconds)
            self.pace.test_ended(test, noisy=test in noisy)


@pytest.fixture
def course() -> Session:
    return Session()


def test_nothing_is_told_before_anything_was_measured(course):
    course.pace.process_started(["a", "b"], 1)
    assert course.pace.left_s() is None
    course.wait(5)
    course.pace.test_started("a")
    assert course.pace.left_s() is None


def test_starts_and_the_rounds_up_to_the_next_look_count(course):
    course.pace.process_started(["a", "b"], 1)
    course.wait(5)
    course.pace.test_started("a")
    course.wait(10)
    course.pace.test_ended("a", noisy=True)
    # b is taken to be like a: 10 s of it, then a start and both again.
    assert course.pace.left_s() == 10 + 5 + 20
    course.pace.test_started("b")
    course.wait(4)
    assert course.pace.left_s() == 6 + 5 + 20
    course.pace.test_ended("b", noisy=False)
    assert course.pace.left_s() == 5 + 10


def test_while_a_process_starts_its_start_is_what_is_left_too(course):
    course.process(1, 5, {"a": 10, "b": 20})
    course.pace.process_started(["b", "a"], 0)
    assert course.pace.left_s() == 5 + 30
    course.wait(4)
    assert course.pace.left_s() == 1 + 30


def test_what_does_not_vary_is_measured_once(course):
    course.process(1, 5, {"a": 10, "b": 20}, noisy="")
    assert course.pace.left_s() == 1
    assert not course.pace.repeats


def test_a_pair_takes_two_processes_until_one_has_told(course):
    course.process(0, 5, {"a": 10, "b": 20})
    course.pace.process_started(["b"], 2, paired=True)
    assert course.pace.left_s() == (5 + 40) * 3
    course.process(2, 8, {"b": 30}, paired=True)
    course.pace.process_started(["b"], 1, paired=True)
    assert course.pace.left_s() == (8 + 30) * 2
    # What it takes by itself stays known.
    course.pace.process_started(["b"], 0)
    assert course.pace.left_s() == 5 + 20


def test_a_test_that_takes_longer_than_before_is_overdue_and_not_about_to_end(course):
    course.process(1, 5, {"a": 10})
    course.pace.process_started(["a"], 0)
    course.wait(5)
    course.pace.test_started("a")
    course.wait(14)
    assert course.pace.left_s() == 1  # late by a little
    course.wait(60)
    assert course.pace.left_s() == 0


def test_where_more_is_left_than_one_test_is_late_the_rest_is_told(course):
    course.process(1, 5, {"a": 10, "b": 100})
    course.pace.process_started(["a", "b"], 0)
    course.wait(5)
    course.pace.test_started("a")
    course.wait(60)
    assert course.pace.left_s() == 100


def test_what_died_before_it_began_is_not_waited_for(course):
    course.process(1, 5, {"a": 10, "b": 20})
    course.pace.process_started(["a", "b"], 0)
    course.pace.test_ended("a", noisy=False)
    assert course.pace.left_s() == 20


# --- what is written


class Writer:
    def __init__(self) -> None:
        self._file = io.StringIO()
        self.fullwidth = 100
        self.width_of_current_line = 0


class Terminal:
    """As much of pytest's terminal reporter as is asked for."""

    def __init__(self, *, isatty: bool) -> None:
        self.isatty = isatty
        self._tw = Writer()
        self.lines: list[str] = []

    def write_line(self, line: str) -> None:
        self.lines.append(line)

    def shown(self) -> list[str]:
        """Every line that was drawn."""
        return re.findall(r"\n(.*?)\r\x1b\[A", self._tw._file.getvalue())


def made(*, isatty: bool, verbosity: int = 0, capture: str = "fd", **more: Any) -> tuple[Progress, Terminal, Clock]:
    terminal, clock = Terminal(isatty=isatty), Clock()
    config: Any = SimpleNamespace(
        pluginmanager=SimpleNamespace(get_plugin=lambda name: terminal),
        get_verbosity=lambda: verbosity,
        option=SimpleNamespace(capture=capture),
    )
    return Progress(config, now_s=clock, **more), terminal, clock


def run(progress: Progress, clock: Clock, *tests: str, start_s: float = 5.0, each_s: float = 10.0) -> None:
    """A process that was begun goes through ``tests``, which time something."""
    clock.now_s += start_s
    for test in tests:
        progress.test_started(f"t.py::{test}")
        clock.now_s += each_s
        timed = Measurement.of("latency", 0.1, NamedCase("x"), timing=RelativeTime(0.0))
        progress.test_ended(TestRun(f"t.py::{test}", 1, measurements=[timed]))


def test_a_terminal_shows_what_rounds_and_pairs_are_for_and_how_long_they_take() -> None:
    progress, terminal, clock = made(isatty=True)
    tests = ["t.py::a", "t.py::b"]
    progress.round_started(1, (2, 4), tests)
    run(progress, clock, "a", "b")
    progress.round_started(2, (2, 4), tests)
    run(progress, clock, "a", "b")
    progress.round_started(3, (2, 4), tests[:1])
    run(progress, clock, "a")
    progress.round_started(1, (3, 5), tests[:1], "commit abc")
    run(progress, clock, "a", each_s=20)
    progress.round_started(4, (7, 12), tests[:1])
    assert terminal.shown() == [
        "round 1/2 · 0 of 2 · starting · 0:00 elapsed",
        "round 1/2 · 0 of 2 · a · 0:05 elapsed",
        "round 1/2 · 1 of 2 · b · 0:15 elapsed, at least 0:35 left",
        "round 2/2 · 0 of 2 · starting · 0:25 elapsed, at least 0:25 left",
        "round 2/2 · 0 of 2 · a · 0:30 elapsed, at least 0:20 left",
        "round 2/2 · 1 of 2 · b · 0:40 elapsed, at least 0:10 left",
        "1 test still open: round 3/4 · 0 of 1 · starting · 0:50 elapsed, at least 0:30 left",
        "1 test still open: round 3/4 · 0 of 1 · a · 0:55 elapsed, at least 0:25 left",
        "confirming 1 test: pair 1/3 · 0 of 1 · starting · 1:05 elapsed, at least 1:15 left",
        "confirming 1 test: pair 1/3 · 0 of 1 · a · 1:10 elapsed, at least 1:10 left",
        "measuring 1 test again: round 4/7 · 0 of 1 · starting · 1:30 elapsed, at least 1:00 left",
    ]
    assert terminal.lines == []


def test_the_times_go_on_while_a_test_runs() -> None:
    progress, terminal, clock = made(isatty=True, fixed=True)
    progress.round_started(1, (2,), ["t.py::a"])
    run(progress, clock, "a")
    progress.round_started(2, (2,), ["t.py::a"])
    clock.now_s += 5
    progress.test_started("t.py::a")
    for seconds in (0.5, 0.5, 8, 1, 6):
        clock.now_s += seconds
        progress.waited()
    assert terminal.shown()[-5:] == [
        "round 2/2 · 0 of 1 · a · 0:20 elapsed, about 0:10 left",
        "round 2/2 · 0 of 1 · a · 0:21 elapsed, about 0:09 left",
        "round 2/2 · 0 of 1 · a · 0:29 elapsed, about 0:01 left",
        "round 2/2 · 0 of 1 · a · 0:30 elapsed, about 0:01 left",
        "round 2/2 · 0 of 1 · a · 0:36 elapsed, longer than expected",
    ]


def test_where_tests_print_to_the_terminal_nothing_is_written_between() -> None:
    progress, terminal, clock = made(isatty=True, capture="no")
    progress.round_started(1, (2,), ["t.py::a"])
    clock.now_s += 60
    progress.waited()
    assert len(terminal.shown()) == 1


def test_what_is_said_at_once_has_a_line_of_its_own_and_only_a_round_that_runs_goes_on_below_it() -> None:
    progress, terminal, _ = made(isatty=True)
    progress.advise("building main")
    assert terminal.shown() == []
    progress.round_started(1, (2,), ["t.py::a"])
    progress.advise("found")
    assert terminal.lines == ["building main", "found"]
    assert len(terminal.shown()) == 2


def test_against_a_revision_pairs_are_what_was_asked_for() -> None:
    progress, terminal, clock = made(isatty=True)
    for number in (1, 2, 3):
        progress.round_started(number, (2, 4), ["t.py::a"], "main (abc)")
        run(progress, clock, "a")
    starting = [line.partition(" · 0 of")[0] for line in terminal.shown() if "starting" in line]
    assert starting == ["pair 1/2", "pair 2/2", "1 test still open: pair 3/4"]


@pytest.mark.parametrize(("verbosity", "rounds"), [(0, False), (1, True), (-1, None)])
def test_elsewhere_a_line_says_when_more_is_measured_than_was_planned(verbosity: int, rounds: bool | None) -> None:
    progress, terminal, clock = made(isatty=False, verbosity=verbosity)
    tests = ["t.py::a", "t.py::b"]
    for number in (1, 2):
        progress.round_started(number, (2, 4), tests)
        run(progress, clock, "a", "b")
    for number in (1, 2):
        progress.round_started(number, (3, 5), tests, "commit abc")
        run(progress, clock, "a", "b", each_s=20)
    assert terminal.shown() == []
    told = [line for line in terminal.lines if line]
    first = "modelbench: pair 1 of 3 beside commit abc: confirming 2 tests, at least 2 min 15 s"
    every = [
        "modelbench: round 1 of 2: 2 tests",
        "modelbench: round 2 of 2: 2 tests, at least 25 s",
        first,
        "modelbench: pair 2 of 3 beside commit abc: confirming 2 tests, at least 1 min 30 s",
    ]
    assert told == ([] if rounds is None else every if rounds else [first])

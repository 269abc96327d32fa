"""The line that says how far a session is, and how long it will take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from pytest_modelbench.report.table import display_width, elide, printable

_DOT = " · "
#: A case elided further names nothing.
_LEAST_CASE = 12


@dataclass(frozen=True, slots=True)
class Course:
    """How far a session is: in which of its rounds, and with how many of the round's tests it is done."""

    round_number: int
    rounds: int
    done: int
    total: int
    elapsed_s: float
    remaining_s: float | None = None  #: None: nothing was measured yet


def progress_line(course: Course, case: str, width: int) -> str:
    """``round 2/3 · 5 of 12 · resnet50-b1-224-fp32 · 0:42 elapsed, about 0:50 left``, at most ``width`` wide.

    Where that is too long the case is elided, then the times go, then the case.
    """
    where = f"round {course.round_number}/{course.rounds}{_DOT}{course.done} of {course.total}"
    case, elapsed = printable(case), clock(course.elapsed_s)
    left = f", about {clock(course.remaining_s)} left" if course.remaining_s is not None else ""
    for ending in (f"{_DOT}{elapsed} elapsed{left}", _DOT + elapsed, ""):
        room = width - display_width(where + ending) - len(_DOT)
        if case and room >= min(_LEAST_CASE, display_width(case)):
            return where + _DOT + elide(case, room) + ending
        if not case and room + len(_DOT) >= 0:
            return where + ending
    return elide(where, width)


def remaining(pending: Iterable[str], durations_s: Mapping[str, float]) -> float | None:
    """Seconds that the ``pending`` tests will take, from how long tests took before in this session.

    A test not measured yet counts as the mean of those that were; None if nothing was.
    """
    if not durations_s:
        return None
    typical_s = fmean(durations_s.values())
    return sum(durations_s.get(test, typical_s) for test in pending)


def clock(seconds: float) -> str:
    """``0:42``, ``12:05``, ``1:02:03``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"

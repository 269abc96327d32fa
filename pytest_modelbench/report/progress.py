"""The line that says how far a session is, and how long it will take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from pytest_modelbench.core.printable import printable
from pytest_modelbench.core.reasons import Disturbed
from pytest_modelbench.report.scale import duration, plural
from pytest_modelbench.report.table import display_width, elide

_DOT = " · "
#: A case elided further names nothing.
_LEAST_CASE = 12


class Stage(Enum):
    """What rounds, or pairs, are for; the value says it of so many tests."""

    FIRST = ""
    OPEN = "{} still open"  #: a look has left them so
    CONFIRMING = "confirming {}"  #: what is stored does not clear them: they are measured beside the baseline's code
    PLACING = "finding where {} changed"  #: pairs have decided, and one more says more
    SEARCHING = "searching with {}"  #: for the revision that changed them
    AGAIN = "measuring {} again"  #: pairs clear the code, or told nothing


@dataclass(frozen=True, slots=True)
class Course:
    """How far a session is: in which of its rounds (or pairs), and with how many of that one's tests it is done.

    ``remaining_s`` is None as long as nothing tells, and 0 for what takes longer than it did before; ``at_least``: more
    may have to follow.
    """

    number: int
    of: int
    done: int
    total: int
    elapsed_s: float
    remaining_s: float | None = None
    at_least: bool = False
    unit: str = "round"
    stage: Stage = Stage.FIRST

    @property
    def why(self) -> str:
        """What its tests are measured for, beyond the first time; empty for that."""
        return self.stage.value.format(plural(self.total, "test"))


def early_advice(disturbed: Disturbed, *, updating: bool) -> str:
    """What is to be expected of a session whose first process was disturbed in all that it timed."""
    lead = f"modelbench: the machine was disturbed throughout the first process ({disturbed.cause})"
    if updating:
        return f"{lead}; if it is in the second, too, no time can become a baseline, and the session ends"
    doctor = "pytest-modelbench doctor tells what disturbs it"
    return f"{lead}; times will take more processes to judge, or stay undecided; {doctor}"


def progress_line(course: Course, case: str, width: int) -> str:
    """``round 2/3 · 5 of 12 · resnet50-b1-224-fp32 · 0:42 elapsed, about 0:50 left``, at most ``width`` wide.

    Where that is too long the case is elided, then the elapsed time goes, then all of the times, what the round is for,
    and the case.
    """
    case = printable(case)
    for where, ending in _forms(course):
        room = width - display_width(where + ending) - len(_DOT)
        if case and room >= min(_LEAST_CASE, display_width(case)):
            return where + _DOT + elide(case, room) + ending
        if not case and room + len(_DOT) >= 0:
            return where + ending
    return elide(where, width)


def _forms(course: Course) -> Iterator[tuple[str, str]]:
    """What comes before the case and after it, from the longest to the shortest."""
    where = f"{course.unit} {course.number}/{course.of}{_DOT}{course.done} of {course.total}"
    reason = f"{course.why}: " if course.why else ""
    elapsed, left = clock(course.elapsed_s), _left(course)
    yield reason + where, f"{_DOT}{elapsed} elapsed{f', {left}' if left else ''}"
    if left:
        yield reason + where, _DOT + left
    else:
        yield reason + where, _DOT + elapsed
    if reason:
        yield where, _DOT + (left or elapsed)
    yield where, _DOT + elapsed
    yield where, ""


def _left(course: Course) -> str:
    """The time that is left, with how sure that is; empty as long as nothing tells."""
    if course.remaining_s is None:
        return ""
    if course.remaining_s < 0.5:
        return "longer than expected"
    return f"{'at least' if course.at_least else 'about'} {clock(course.remaining_s)} left"


def stage_line(course: Course, beside: str) -> str:
    """``modelbench: pair 1 of 3 beside commit abc: confirming 3 tests, at least 40 s``: for where no line can stay."""
    where = f"{course.unit} {course.number} of {course.of}{f' beside {beside}' if beside else ''}"
    known = course.remaining_s is not None and course.remaining_s >= 0.5
    left = f", {'at least' if course.at_least else 'about'} {duration(course.remaining_s or 0.0)}" if known else ""
    return f"modelbench: {where}: {course.why or plural(course.total, 'test')}{left}"


def clock(seconds: float) -> str:
    """``0:42``, ``12:05``, ``1:02:03``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"

"""The line that says how far a session is, and how long it will take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean

from pytest_modelbench.report.table import display_width, elide, printable

_DOT = " · "
#: A case elided further names nothing.
_LEAST_CASE = 12


def progress_line(
    round_number: int,
    rounds: int,
    done: int,
    total: int,
    case: str,
    elapsed_s: float,
    remaining_s: float | None,
    width: int,
) -> str:
    """``round 2/3 · 5 of 12 · resnet50-b1-224-fp32 · 0:42 elapsed, about 0:50 left``, at most ``width`` wide.

    Where that is too long the case is elided, then the times go, then the case.
    """
    where = f"round {round_number}/{rounds}{_DOT}{done} of {total}"
    case = printable(case)
    time = f"{clock(elapsed_s)} elapsed" + (f", about {clock(remaining_s)} left" if remaining_s is not None else "")
    for ending in (_DOT + time, _DOT + clock(elapsed_s), ""):
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

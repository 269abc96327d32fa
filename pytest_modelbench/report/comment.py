"""A session as a comment on a pull request, which the next session finds by a mark that nobody sees."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.printable import printable
from pytest_modelbench.core.series import Series
from pytest_modelbench.core.session import Session, told_sources
from pytest_modelbench.report.history import sparkline
from pytest_modelbench.report.markdown import escape, fitted
from pytest_modelbench.report.scale import plural
from pytest_modelbench.report.summary import FINE, Told, lines

#: What GitHub takes of a comment, in characters; counted here in bytes, which are no fewer.
_MOST = 65_536
#: Nights that a course shows, checks that have one, and how much they may take of a comment in all.
_NIGHTS, _MOST_COURSES, _MOST_OF_COURSES = 30, 20, 8_000
#: Of what is said of the history: a message names a file, and one is enough.
_LONGEST_NOTE = 300
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,59}")


def marker(name: str) -> str:
    """What the comment ``name`` begins with; UsageError for a name that cannot be part of one."""
    # Two dashes would end the mark, and show what is behind them.
    if not _NAME.fullmatch(name) or "--" in name:
        raise UsageError(
            f"--name: {name!r} cannot name a comment; write up to 60 letters, digits, spaces, dots, slashes and single "
            "dashes, such as gpu-nightly"
        )
    return f"<!-- pytest-modelbench comment: {name} -->"


def render(
    session: Session,
    name: str,
    told: Told | None = None,
    history: Sequence[Series] = (),
    link: str = "",
    notes: Sequence[str] = (),
) -> str:
    """The whole comment ``name``; with the course of what is in trouble, by ``history``, and a ``link`` to the run.

    Of ``notes`` on the history there is the first, and how many more there are.
    """
    title = [f"### {escape(name)}"] if name != "modelbench" else []
    head = "\n".join([marker(name), *title])
    stamp = session.stamp
    about = f"{told_sources(stamp.commit, stamp.dirty)}, {stamp.started[:16].replace('T', ' ')} UTC"
    foot = f"<sub>{escape(about)}{f' · [log]({link})' if link else ''}</sub>"
    more = f" (and {len(notes) - 1} more)" if len(notes) > 1 else ""
    note = escape(printable(notes[0])[:_LONGEST_NOTE] + more) if notes else ""
    tail = "\n\n".join(filter(None, [_courses(session, history), note, foot]))
    room = _MOST - len(f"{head}\n{tail}\n\n".encode())
    return f"{head}\n{fitted(session, told, room)}\n{tail}\n"


def _courses(session: Session, history: Sequence[Series]) -> str:
    """How checks in trouble went until now."""
    series = {(one.folder, one.test, one.name): one for one in history}
    rows = []
    for line in lines(session):
        one = series.get((line.check.folder, *line.check.key))
        if line.standing in FINE or one is None:
            continue
        failing = f", the last {one.bad_nights} failing or undecided" if one.bad_nights else ""
        course = sparkline([night.value for night in one.nights[-_NIGHTS:]])
        rows.append(f"- {escape(f'{line.case} {line.metric}')}: {course} {plural(len(one.nights), 'night')}{failing}")
    sizes = accumulate(len(row.encode()) + 1 for row in rows[:_MOST_COURSES])
    return "\n".join(rows[: sum(size <= _MOST_OF_COURSES for size in sizes)])

"""What changed around a test that regressed, in words: commits of its files, and that its packages are the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_modelbench.core.history import History
from pytest_modelbench.core.printable import printable
from pytest_modelbench.report.scale import plural

#: More would push the verdicts off the screen.
_MOST_COMMITS = 4
_MOST_FILES = 2
#: Subjects are meant to be short; what is not is cut.
_WIDEST_SUBJECT = 64


def around(histories: Iterable[tuple[History, str]], *, same_packages: bool) -> str:
    """Lines on each history, with what the commit is called that it begins at; empty where nothing is known."""
    lines = [line for history, since in histories for line in _lines(history, since)]
    if same_packages:
        lines.append("the installed packages are the same as for the baseline")
    return "\n".join(lines)


def _lines(history: History, since: str) -> list[str]:
    where = _some(history.touched)
    if not history.commits:
        files = _some(history.files)
        lines = [f"{since} is this very commit" if history.same else f"no commit since {since} touches {files}"]
    else:
        touch = "touches" if len(history.commits) == 1 else "touch"
        lines = [f"{plural(len(history.commits), 'commit')} since {since} {touch} {where}:"]
        lines += [f"    {one.id} {_short(one.subject)}" for one in history.commits[:_MOST_COMMITS]]
        if (more := len(history.commits) - _MOST_COMMITS) > 0:
            lines.append(f"    and {more} more")
    if history.uncommitted:
        lines.append(f"not committed: changes in {_some(history.uncommitted)}")
    return lines


def _some(files: Sequence[str]) -> str:
    """``net.py, neck.py and 3 other files``."""
    shown, more = files[:_MOST_FILES], len(files) - _MOST_FILES
    told = ", ".join(map(printable, shown))
    return f"{told} and {plural(more, 'other file')}" if more > 0 else told


def _short(subject: str) -> str:
    text = printable(subject)
    return text if len(text) <= _WIDEST_SUBJECT else f"{text[: _WIDEST_SUBJECT - 3].rstrip()}..."

"""Both sides of a text in which git marked what it could not merge."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class _Within(Enum):
    NOTHING = ""
    OURS = "<<<<<<<"
    BASE = "|||||||"
    THEIRS = "======="


#: What ends a conflict, and what may follow what.
_END = ">>>>>>>"
_NEXT = {
    _Within.NOTHING: {_Within.OURS},
    _Within.OURS: {_Within.BASE, _Within.THEIRS},
    _Within.BASE: {_Within.THEIRS},
    _Within.THEIRS: set(),
}


@dataclass(frozen=True, slots=True)
class Marked:
    """The whole text as either side has it; what is not marked is in both."""

    ours: str
    theirs: str


def marked(text: str) -> Marked | None:
    """Both sides of ``text``; None if nothing is marked in it, or so that sides cannot be told."""
    within, ours, theirs, found = _Within.NOTHING, [], [], False
    for line in text.splitlines(keepends=True):
        mark = line[:7] if line[7:8] in ("", " ", "\n", "\r") else ""
        if mark == _END and within is _Within.THEIRS:
            within = _Within.NOTHING
        elif mark in {one.value for one in _NEXT[within]}:
            within, found = _Within(mark), True
        elif mark == _END or mark in {one.value for one in _Within if one.value}:
            return None
        else:
            if within in (_Within.NOTHING, _Within.OURS):
                ours.append(line)
            if within in (_Within.NOTHING, _Within.THEIRS):
                theirs.append(line)
    return Marked("".join(ours), "".join(theirs)) if found and within is _Within.NOTHING else None

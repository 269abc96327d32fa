"""What a trial tells: of which kind its end was, and whether that is a fault of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tests.trials.faults.gated_project import Ended, GatedProject

#: What makes a terminal do something, and what turns text around.
_HOSTILE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Told:
    """``kind`` is counted; of a ``fault`` it is kept ``what`` had been done, and what was said."""

    kind: str
    fault: bool = False
    what: str = ""
    text: str = ""

    def of(self, what: str, text: str) -> Told:
        """This, with what had been done, and said; that is kept for faults alone."""
        return replace(self, what=what, text=text) if self.fault else self

    @classmethod
    def of_any(cls, project: GatedProject, ended: Ended) -> Told | None:
        """The faults that anything can have: it hung, crashed, left something behind, or moved the terminal."""
        if ended.status is None:
            return cls("hung", fault=True)
        if ended.crashed:
            return cls("traceback", fault=True)
        if left := project.left():
            return cls(f"left behind: {', '.join(sorted(left))}", fault=True)
        if found := _HOSTILE.search(ended.text):
            return cls(f"printed {found[0]!r}", fault=True)
        return None

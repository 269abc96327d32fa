"""What a trial tells: of which kind its end was, and whether that is a fault of ours."""

from __future__ import annotations

from dataclasses import dataclass

from tests.trials.faults.gated_project import Ended, GatedProject


@dataclass(frozen=True)
class Told:
    """``kind`` is counted; of a ``fault`` it is kept ``what`` had been done, and what was said."""

    kind: str
    fault: bool = False
    what: str = ""
    text: str = ""

    @classmethod
    def of_any(cls, project: GatedProject, ended: Ended) -> Told | None:
        """The faults that anything can have: it hung, crashed, or left something behind."""
        if ended.status is None:
            return cls("hung", fault=True)
        if ended.crashed:
            return cls("traceback", fault=True)
        if left := project.left():
            return cls(f"left behind: {', '.join(sorted(left))}", fault=True)
        return None

"""A finding, and how severe it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(str, Enum):
    """How bad it is."""

    PROBLEM = "problem"  #: times are not to be trusted before it is mended
    ADVICE = "advice"  #: times could be trusted farther
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``what`` is seen, ``why`` it matters and by how much; ``mend``: a command or a setting."""

    id: str
    severity: Severity
    what: str
    why: str = ""
    mend: str = ""


def fine(identity: str, what: str) -> Finding:
    """A finding that says only that it was looked at, and what was seen."""
    return Finding(identity, Severity.FINE, what)

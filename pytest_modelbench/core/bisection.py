"""Which revision of a range changed a check, as a value."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.reasons import Reason


@dataclass(frozen=True, slots=True)
class Request:
    """What is searched: a ``range`` of commits, or of versions of a ``package``, for checks by some of ``metrics``.

    ``maker`` is the command that makes an environment with a version; by default one is made. ``own_tests``: the tests
    are run as they are in the working tree. ``fresh``: what an earlier search has measured is not used. ``json`` is the
    file that the result goes to, as well. ``words`` are what a command that searches on repeats.
    """

    range: str
    package: str = ""
    metrics: tuple[str, ...] = ()
    maker: str = ""
    own_tests: bool = False
    fresh: bool = False
    json: str = ""
    words: tuple[str, ...] = ()

    def text(self) -> str:
        """As one word of a command line, which `read` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Request:
        """A range alone, or what `text` writes; UsageError for anything else."""
        if not text.startswith("{"):
            return cls(text)
        try:
            given: dict[str, Any] = json.loads(text)
            listed = {name: tuple(given.get(name, ())) for name in ("metrics", "words")}
            return cls(**{**given, **listed})
        except (ValueError, TypeError) as error:
            raise UsageError(f"--modelbench-bisect: {error}; let pytest-modelbench bisect write it") from error


class Ended(str, Enum):
    """How a search ended."""

    FOUND = "found"  #: at one revision
    BETWEEN = "between"  #: at a range: the revisions in it could not be measured, or the noise leaves them open
    UNFINISHED = "unfinished"  #: it was ended before it was through
    OPEN = "open"  #: the noise leaves open whether the ends of the range do the same
    ALIKE = "alike"  #: they do


@dataclass(frozen=True, slots=True)
class Shift:
    """A change in log, of what was measured and now is; with its bounds, 95 % sure, which are itself where it is exact.

    None: of nothing, or to nothing, which has no log.
    """

    log: float | None
    low: float | None
    high: float | None


class Side(Enum):
    """Where a revision lies: as the first one, or changed."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search over revisions found. They are numbered from 1; 0 is the one that all are compared with.

    ``good`` is the last revision known to be as it was, ``bad`` the first known to be changed. ``whole`` is the change
    from end to end, ``before`` that up to the former, ``own`` that between these two. ``several``: surely more than a
    tenth of the whole lies elsewhere.
    """

    ended: Ended
    whole: Shift | None = None
    good: int = 0
    bad: int = 0
    before: Shift | None = None
    own: Shift | None = None
    several: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A revision of a range: a commit, or a version of a package. ``id`` is whole, ``name`` is for people."""

    id: str
    name: str
    told: str = ""  #: the first line of a commit's message
    date: str = ""
    is_merge: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the search for one check. ``passed`` are revisions that could not be measured, and why."""

    test: str
    name: str
    case: str
    unit: str
    noisy: bool
    answer: Answer
    then: float  #: its value at either end of the range
    now: float
    passed: tuple[tuple[Step, str], ...] = ()
    reasons: tuple[Reason, ...] = ()  #: where in the model the change is
    brought: str = ""  #: the range of what a merge brought, if that is what was found
    typed: str = ""  #: the test as it is typed where the search was started


@dataclass(frozen=True, slots=True)
class Bisection:
    """A search over the ``steps`` of a range, of which the first is the one that all others are compared with.

    ``package``: they are versions of it, and not commits. ``again``: the words of a command that searches another range
    of them. ``missed`` says of tests why nothing is known of them;
    ``measured`` counts revisions, ``runs`` the processes, or pairs of them, that it took.
    """

    steps: tuple[Step, ...]
    found: tuple[Found, ...]
    package: str = ""
    missed: tuple[tuple[str, str], ...] = ()
    measured: int = 0
    runs: int = 0
    duration_s: float = 0.0
    error_rate: float = 0.0
    notes: tuple[str, ...] = ()
    again: tuple[str, ...] = ()

    @property
    def interrupted(self) -> bool:
        """Whether it was ended before it was through."""
        return any(one.answer.ended is Ended.UNFINISHED for one in self.found)

"""A session as a value: what ran, what was measured, what it was compared with and what came out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from pytest_modelbench.core.case import AnyCase
from pytest_modelbench.core.environment import Difference, Environment, Fact, differences
from pytest_modelbench.core.measurement import CheckKey, Measurement
from pytest_modelbench.core.metrics import Metric
from pytest_modelbench.core.verdicts import BaselineView, Judgement


@dataclass(frozen=True, slots=True)
class Check:
    """One metric of one test in one environment, with everything that speaks for its verdict."""

    key: CheckKey
    metric: Metric
    case: AnyCase
    measurements: tuple[Measurement, ...]
    judgement: Judgement
    folder: str  #: baseline folder it is compared in: ``portable``, ``cpu-...``
    baseline: BaselineView | None = None
    environment: str = ""  #: slug of the environment it was measured in
    changes: tuple[float, ...] = ()  #: of a duet, pair by pair: logs of candidate / base, in the metric's own direction


class Outcome(str, Enum):
    """How a test ends."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one test ended; ``message`` says why, for people."""

    __test__ = False  # pytest collects classes named Test*

    test: str
    outcome: Outcome
    duration_s: float
    message: str = ""
    by_verdict: bool = False  #: it failed by the verdict on a check alone: the test itself passed
    idle: tuple[str, ...] = ()  #: it passed and nothing of it was measured: fixtures that it takes for that


@dataclass(frozen=True, slots=True)
class Stamp:
    """When and from which sources a session ran.

    ``commit`` is None outside a git repository, and ``dirty`` without one in a repository that has no commit yet.
    """

    started: str  #: ISO 8601, UTC, to the millisecond
    commit: str | None = None
    dirty: bool = False

    @property
    def id(self) -> str:
        """Name of the session in baseline files: sorts by time."""
        if self.commit is None:
            return f"{self.started}-{'uncommitted' if self.dirty else 'nogit'}"
        return f"{self.started}-{self.commit[:10]}{'-dirty' if self.dirty else ''}"


def told_session(id_: str) -> str:
    """``2026-11-20, commit abc1234``, or without one, for the id of a `Stamp`; anything else as it is."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T[\d:.]+Z-(nogit|uncommitted|[0-9a-f]+)(-dirty)?", id_)
    if found is None:
        return id_
    date, commit, dirty = found.groups()
    without = commit in ("nogit", "uncommitted")
    return f"{date}, {told_sources(None if without else commit, bool(dirty) or commit == 'uncommitted')}"


def told_sources(commit: str | None, dirty: bool) -> str:
    """``commit abc1234``, ``commit abc1234 with uncommitted changes``, or which there is none of, as in a `Stamp`."""
    if commit is None:
        return "before the first commit" if dirty else "outside git"
    return f"commit {commit[:10]}{' with uncommitted changes' if dirty else ''}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a session was told on its command line, as far as commands repeat it; paths start from its root directory.

    ``options`` are values by flag, ``selection`` are options that chose tests, with their values, and ``tests`` the
    files, folders and ids that were given; empty: all that the root directory holds.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    selection: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()


class Absence(Enum):
    """Why nothing measures what has a baseline."""

    GONE = "gone"  #: there is no such test
    NO_BENCHMARK = "no benchmark"  #: it has neither the fixture nor the mark
    DROPPED = "dropped"  #: a hook took it off the list of tests, and did not tell that it is deselected
    NOT_COLLECTED = "not collected"  #: its file is there


@dataclass(frozen=True, slots=True)
class Absent:
    """A baseline entry that no test measures."""

    key: CheckKey
    why: Absence

    @property
    def is_orphan(self) -> bool:
        """Whether its test does not exist, so that the entry may go."""
        return self.why in (Absence.GONE, Absence.NO_BENCHMARK)


@dataclass(frozen=True, slots=True)
class Renamed:
    """Tests that may go by another id than their baselines: ``tests``, old and new, which one renaming takes along.

    ``checks`` are theirs, judged against what is stored under the old ids; without measurements, which stand elsewhere.
    """

    old: str
    new: str
    tests: tuple[tuple[str, str], ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A baseline folder of another environment than the session's, and what of that is another one, there -> here."""

    folder: str
    differences: tuple[Difference, ...]


def elsewhere(identities: Mapping[str, Mapping[str, Fact]], environment: Environment) -> tuple[Elsewhere, ...]:
    """The folders with these ``identities`` that are of another environment than this, the likest first."""
    moved = {folder: differences(identity, environment.identity) for folder, identity in identities.items()}
    found = [Elsewhere(folder, what) for folder, what in moved.items() if what]
    here = environment.identity.get("device")
    return tuple(
        sorted(found, key=lambda one: (identities[one.folder].get("device") != here, len(one.differences), one.folder))
    )


@dataclass(frozen=True, slots=True)
class Session:
    """A whole session.

    ``environments`` are empty if no worker ever started. ``ungated`` counts, for each baseline folder that holds
    nothing at all, the checks that were therefore compared with nothing, and ``elsewhere`` are the folders that hold
    baselines of other environments, the likest first, for each of those that could. ``absent`` are baseline entries
    that were asked for, and that no test measures; ``renamed`` are those of them whose test may have another id now.
    ``against`` names what the session compared with in place of what is stored.
    """

    stamp: Stamp
    environments: tuple[Environment, ...]
    checks: tuple[Check, ...]
    tests: tuple[TestResult, ...]
    duration_s: float
    processes: int
    interrupted: bool = False
    updating: bool = False
    ungated: Mapping[str, int] = field(default_factory=dict)
    elsewhere: Mapping[str, tuple[Elsewhere, ...]] = field(default_factory=dict)
    absent: tuple[Absent, ...] = ()
    renamed: tuple[Renamed, ...] = ()
    warnings: tuple[str, ...] = ()
    against: str = ""
    asked: Asked = field(default_factory=Asked)

    @property
    def environment(self) -> Environment | None:
        """Where the session measured, if anywhere; the first of several."""
        return self.environments[0] if self.environments else None

    def environment_of(self, check: Check) -> Environment | None:
        """Where ``check`` was measured."""
        return next((one for one in self.environments if one.slug == check.environment), self.environment)

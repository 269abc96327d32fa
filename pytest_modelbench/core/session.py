"""A session as a value: what ran, what was measured, what it was compared with and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.metrics import Metric
from pytest_modelbench.core.records import CheckKey, Record
from pytest_modelbench.core.verdicts import BaselineView, Judgement


@dataclass(frozen=True, slots=True)
class Check:
    """One metric of one test, with everything that speaks for its verdict."""

    key: CheckKey
    metric: Metric
    case: str
    records: tuple[Record, ...]
    judgement: Judgement
    folder: str  #: baseline folder it is compared in: ``portable``, ``cpu-...``
    baseline: BaselineView | None = None


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one test ended: passed, failed, skipped, inconclusive or error; ``message`` says why, for people."""

    __test__ = False  # pytest collects classes named Test*

    test: str
    outcome: str
    duration_s: float
    message: str = ""
    by_verdict: bool = False  #: it failed by the verdict on a check alone: the test itself passed


@dataclass(frozen=True, slots=True)
class Stamp:
    """When and from which sources a session ran. ``commit`` is None outside a git repository."""

    started: str  #: ISO 8601, UTC, to the second
    commit: str | None = None
    dirty: bool = False

    @property
    def id(self) -> str:
        """Name of the session in baseline files: sorts by time."""
        return f"{self.started}-{self.commit[:10] if self.commit else 'nogit'}{'-dirty' if self.dirty else ''}"


@dataclass(frozen=True, slots=True)
class Session:
    """A whole session.

    ``environment`` is None if no worker ever started. ``ungated`` counts, for each baseline folder that holds nothing
    at all, the checks that were therefore compared with nothing. ``orphans`` are baseline entries without a test.
    """

    stamp: Stamp
    environment: Environment | None
    checks: tuple[Check, ...]
    tests: tuple[TestResult, ...]
    duration_s: float
    processes: int
    interrupted: bool = False
    updating: bool = False
    ungated: Mapping[str, int] = field(default_factory=dict)
    orphans: tuple[CheckKey, ...] = ()
    warnings: tuple[str, ...] = ()

"""What a comparison says, and what it is about: verdicts, judgements, and what is known of a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.core.environment import Fact
from pytest_modelbench.core.measurement import Comparability
from pytest_modelbench.core.metrics import Better
from pytest_modelbench.core.observations import Observations
from pytest_modelbench.core.reasons import ItemsChanged, MachineMoved, Parted, Placed, Reason
from pytest_modelbench.core.trail import Trail


class Verdict(str, Enum):
    """What a comparison says."""

    OK = "ok"
    REGRESSED = "regressed"
    IMPROVED = "improved"
    INCONCLUSIVE = "inconclusive"
    NEW = "new"
    INCOMPARABLE = "incomparable"
    UNCHANGED = "unchanged"  #: nothing differs that could make it slower: its time says how the machine is


@dataclass(frozen=True, slots=True)
class BaselineView:
    """What a judgement needs of a stored baseline entry."""

    case: str
    unit: str
    better: Better
    value: float
    comparability: Comparability = field(default_factory=Comparability)
    anchor: tuple[float, ...] = ()  #: log ratios of each process of the accepted session; empty: deterministic
    sessions: tuple[tuple[float, ...], ...] = ()  #: those of the other sessions
    identity: Mapping[str, Fact] | None = None
    provenance: Mapping[str, Fact] | None = None
    accepted: str = ""  #: date and commit, for messages
    reference_log_s: float | None = None  #: mean log seconds of the reference workload in the accepted session
    commit: str | None = None  #: what the accepted session ran, in full; None if that is unknown or had changes
    observations: Observations | None = None  #: what a deterministic value was made of
    breakdown: Breakdown | None = None  #: what a deterministic value is the sum of
    trail: Trail | None = None  #: what a model computed on the way to an output
    disturbed: int = 0  #: processes of the accepted session that the machine was disturbed in, if that was accepted


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what it rests on. Ratios are now / baseline, 1.0 meaning no change.

    ``low_ratio`` and ``high_ratio`` hold a noisy change with 95 % confidence. ``pairs`` counts the pairs of processes
    behind a verdict by duet, 0 for one on what is stored. For noisy checks: ``more`` is how many further processes (of
    a duet: pairs) would probably decide an inconclusive one, None if no number would; ``detectable_ratio`` the smallest
    change that would have been found with 80 % probability.
    """

    verdict: Verdict
    value: float
    baseline: float | None = None
    ratio: float | None = None
    low_ratio: float | None = None
    high_ratio: float | None = None
    reasons: tuple[Reason, ...] = ()
    processes: int = 1
    pairs: int = 0
    afresh: int = 0  #: that many processes, measured after a duet, are what ``value`` rests on; 0: all of them
    more: int | None = None
    more_s: float | None = None  #: how long these would take, with their starts; None if nothing tells
    detectable_ratio: float | None = None

    def noted(self, reason: Reason) -> Judgement:
        """Return this judgement with a further ``reason``."""
        return replace(self, reasons=(*self.reasons, reason))

    @property
    def where(self) -> tuple[Reason, ...]:
        """Of the reasons, those that say where in a model something changed."""
        return tuple(one for one in self.reasons if isinstance(one, (ItemsChanged, Parted, Placed)))

    @property
    def machine_moved(self) -> MachineMoved | None:
        """Of what passes: that the machine surely is another one than at the baseline, if it is."""
        if self.verdict not in (Verdict.UNCHANGED, Verdict.OK, Verdict.IMPROVED):
            return None
        return next((reason for reason in self.reasons if isinstance(reason, MachineMoved)), None)

    def because(self, kind: type[Reason]) -> bool:
        """Whether one of the reasons is of this ``kind``."""
        return any(isinstance(reason, kind) for reason in self.reasons)

"""What a comparison says, and what it is about: verdicts, judgements, and what is known of a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from pytest_modelbench.core.environment import Fact, differences
from pytest_modelbench.core.metrics import Better, Scope
from pytest_modelbench.core.records import Record

#: How the reason begins where times were taken elsewhere.
OTHER_ENVIRONMENT = "the environment is another one"
#: Error rate of "ok" per check (shared by the looks, and by screen and duet) and of "regressed" per session (shared by
#: the checks, too).
ALPHA = 0.05


class Verdict(str, Enum):
    """What a comparison says."""

    OK = "ok"
    REGRESSED = "regressed"
    IMPROVED = "improved"
    INCONCLUSIVE = "inconclusive"
    NEW = "new"
    INCOMPARABLE = "incomparable"


@dataclass(frozen=True, slots=True)
class BaselineView:
    """What a judgement needs of a stored baseline entry."""

    case: str
    unit: str
    better: Better
    value: float
    basis: str = ""
    anchor: tuple[float, ...] = ()  #: levels of each process of the accepted session; empty: deterministic
    sessions: tuple[tuple[float, ...], ...] = ()  #: the same of the other sessions
    identity: Mapping[str, Fact] | None = None
    provenance: Mapping[str, Fact] | None = None
    accepted: str = ""  #: date and commit, for messages
    speed: float | None = None  #: mean log of the reference workload's time in the accepted session, up to a constant
    commit: str | None = None  #: what the accepted session ran, in full; None if that is unknown or had changes
    evidence: str = ""  #: what a deterministic value was made of


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what it rests on. Ratios are now / baseline, 1.0 meaning no change.

    ``low_ratio`` and ``high_ratio`` hold a noisy change with 95 % confidence. ``settled`` says that measuring more
    would not change the verdict. ``reason`` is one sentence for people; mostly empty for ok.

    ``pairs`` counts the pairs of processes behind a verdict by duet, 0 for one on what is stored. For noisy checks:
    ``more`` is how many further processes (of a duet: pairs) would probably decide an inconclusive one, None if no
    number would; ``detectable_ratio`` the smallest change that would have been found with 80 % probability.
    """

    verdict: Verdict
    value: float
    baseline: float | None = None
    ratio: float | None = None
    low_ratio: float | None = None
    high_ratio: float | None = None
    settled: bool = True
    reason: str = ""
    processes: int = 1
    pairs: int = 0
    afresh: int = 0  #: that many processes, measured after a duet, are what ``value`` rests on; 0: all of them
    escalated: bool = False  #: open, and for a duet to decide
    after_duet: bool = False  #: not settled, and for further processes to decide: no duet is to come any more
    more: int | None = None
    detectable_ratio: float | None = None

    def noted(self, note: str) -> Judgement:
        """The same, with ``note`` after its reason."""
        return replace(self, reason="; ".join(filter(None, [self.reason, note])))


@dataclass(frozen=True, slots=True)
class Procedure:
    """How often noisy checks are looked at: after how many processes, and how many checks share the error rate.

    ``confirmed``: a check that the stored baseline does not clear is then measured side by side with the code that the
    baseline was recorded from, so that the stored numbers alone fail nobody. ``same_code``: the code is the very one
    that the baseline was recorded from, so that there is nothing to confirm. ``unconfirmed`` says for people why there
    will be no such confirmation.
    """

    looks: tuple[int, ...] = (2, 4, 6, 9)
    checks: int = 1
    confirmed: bool = False
    same_code: bool = False
    unconfirmed: str = ""


@dataclass(frozen=True, slots=True)
class Duet:
    """What pairs of processes, with the old and the new code side by side, have told of one check so far.

    ``changes`` are logs of new / old, one a pair, in the metric's own direction; ``checks`` share the error rate. Looks
    count the ``pairs`` that were measured, of which some may have told nothing.
    """

    revision: str  #: what the new code was compared with, for people
    looks: tuple[int, ...] = (3, 5, 8, 13, 20)
    checks: int = 1
    stored: bool = True  #: the baseline is a stored one, whose own comparison still counts where the code is cleared
    commit: str = ""  #: of that baseline, in full: only checks that were recorded from it are decided
    changes: tuple[float, ...] = ()
    pairs: int = 0
    disturbed: int = 0  #: pairs during which the machine was disturbed, most of the time
    screened: int = 0  #: processes that measured the check before the duet; later ones came after it


def obstacle_to_comparison(record: Record, baseline: BaselineView, identity: Mapping[str, Fact]) -> str:
    """Why the two cannot be compared, or an empty string."""
    kinds = {True: "noisy", False: "deterministic"}
    pairs = {
        "case": (baseline.case, record.case),
        "kind of measurement": (kinds[bool(baseline.anchor)], kinds[record.metric.noisy]),
        "unit": (baseline.unit, record.metric.unit),
        "direction": (baseline.better.value, record.metric.better.value),
        "basis": (baseline.basis, record.basis),
    }
    for what, (then, now) in pairs.items():
        if then != now:
            return f"the {what} changed from {then or 'none'!r} to {now or 'none'!r}"
    if record.metric.scope is not Scope.DEVICE:
        return ""
    if baseline.identity is None:
        return "its file does not say in which environment it was recorded"
    moved = differences(baseline.identity, identity)
    return f"{OTHER_ENVIRONMENT}: {', '.join(moved)}" if moved else ""

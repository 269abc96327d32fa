"""How one check went from session to session, in one environment: a series, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from pytest_modelbench.core.environment import Fact
from pytest_modelbench.core.verdicts import Verdict

#: Verdicts that fail, or leave a check undecided.
_BAD = frozenset({Verdict.REGRESSED, Verdict.INCOMPARABLE, Verdict.INCONCLUSIVE})


@dataclass(frozen=True, slots=True)
class Night:
    """A check in one session. Ratios are of the baseline of that night; None where it had none.

    ``allowed`` is the band as a share of that baseline, ``accepted`` tells which baseline it was. ``facts`` are those
    of the session's environment, which is where versions and the machine are found to be others.
    """

    session: str
    started: str  #: ISO 8601, UTC
    commit: str | None
    value: float
    verdict: Verdict
    log_ratio: float | None = None  #: of noisy checks, to the reference workload: what is compared across sessions
    spread: float | None = None  #: standard deviation of that between the session's processes
    processes: int = 1
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    allowed: float | None = None
    accepted: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    environment: str = ""  #: where it was measured: portable folders have nights of several
    imported: bool = False  #: by another tool, which says nothing of how exact it is


@dataclass(frozen=True, slots=True)
class Series:
    """A check by what it belongs to: the folder of its baseline, which names the environment, its test and name.

    ``nights`` are the oldest first.
    """

    folder: str
    test: str
    name: str
    case: str
    unit: str
    better: str
    nights: tuple[Night, ...]

    @property
    def noisy(self) -> bool:
        """Whether its values vary from process to process."""
        return self.last.log_ratio is not None

    @property
    def last(self) -> Night:
        """The newest night."""
        return self.nights[-1]

    @property
    def bad_nights(self) -> int:
        """For how many nights it has failed or been undecided beside its present baseline, up to the last one."""
        for ago, one in enumerate(reversed(self.nights)):
            if one.verdict not in _BAD or one.accepted != self.last.accepted:
                return ago
        return len(self.nights)

    @property
    def band_used(self) -> float | None:
        """The share of its band that the last change takes; None without a baseline, or where nothing is tolerated."""
        if self.last.ratio is None or not self.last.allowed:
            return None
        return abs(self.last.ratio - 1) / self.last.allowed

    def age_days(self) -> int | None:
        """Days from the acceptance of its baseline to the last night; None where that is not known."""
        try:
            return (date.fromisoformat(self.last.started[:10]) - date.fromisoformat(self.last.accepted[:10])).days
        except ValueError:
            return None

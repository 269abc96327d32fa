"""How a check is judged: at which looks, sharing which error rate, and what pairs have told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from pytest_modelbench.core.environment import Difference, Fact, differences
from pytest_modelbench.core.measurement import Measurement, counted
from pytest_modelbench.core.metrics import Metric
from pytest_modelbench.core.verdicts import BaselineView
from pytest_modelbench.judge.spread import UNKNOWN, Spread

#: Error rate of "ok" per check (shared by the looks, and by stored comparison and duet) and of "regressed" per session
#: (shared by the checks, too).
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Procedure:
    """How often noisy checks are looked at: after how many processes, and how many checks share the error rate.

    An interim look is a point fixed before at which an open check may be decided; each spends a part of the error rate.
    ``confirmed``: a check that the stored baseline does not clear is then measured side by side with the code that the
    baseline was recorded from, so that the stored numbers alone fail nobody. ``same_code``: the code is the very one
    that the baseline was recorded from, so that there is nothing to confirm. ``unconfirmed`` says for people why there
    will be no such confirmation. ``exact``: after how many processes a deterministic check is decided.
    """

    looks: tuple[int, ...] = (2, 4, 6, 9)
    checks: int = 1
    confirmed: bool = False
    same_code: bool = False
    unconfirmed: str = ""
    exact: int = 1


@dataclass(frozen=True, slots=True)
class Duet:
    """What pairs of processes, with base and candidate side by side, have told of one check so far.

    ``changes`` are logs of candidate / base, one a pair, in the metric's own direction; ``checks`` share the error
    rate. Looks count the ``pairs`` that were measured, of which some may have told nothing.
    """

    base: str  #: what the candidate is compared with, for people
    looks: tuple[int, ...] = (2, 3, 5, 8, 13, 20)
    checks: int = 1
    stored: bool = True  #: the baseline is a stored one, whose own comparison still counts where the code is cleared
    commit: str = ""  #: of that baseline, in full: only checks that were recorded from it are decided
    changes: tuple[float, ...] = ()
    pairs: int = 0
    disturbed: int = 0  #: pairs during which the machine was disturbed, most of the time
    before: int = 0  #: processes that measured the check before the duet; later ones came after it
    expected: Spread = UNKNOWN  #: how far pairs of other checks spread, which are measured at the same time


#: Two pairs alone do not tell how far pairs spread: they need others that are measured at the same time.
_FEWEST_ALONE = 3


def looks_of_duet(pairs: Sequence[int], tests: int) -> tuple[int, ...]:
    """After how many of the ``pairs`` asked for a duet of so many tests is looked at."""
    return tuple(look for look in pairs if tests > 1 or look >= _FEWEST_ALONE or look == pairs[-1])


@dataclass(frozen=True, slots=True)
class Compared:
    """Both sides of a check: what was measured of it so far, in which environment, and what is stored, if anything.

    ``idle`` are names of what differs since the baseline and cannot matter: packages that the test does not import.
    ``days``: how far days are expected to differ by all that was learned, beside what the baseline's own sessions tell;
    ``days_before`` is that without what this session's other checks show. ``away_before``: how many of the last
    sessions, one after the other, had the machine surely away from the baseline.
    """

    measurements: Sequence[Measurement]
    baseline: BaselineView | None
    identity: Mapping[str, Fact] = field(default_factory=dict)
    provenance: Mapping[str, Fact] = field(default_factory=dict)
    days: Spread = UNKNOWN
    days_before: Spread = UNKNOWN
    away_before: int = 0
    idle: frozenset[str] = frozenset()

    @property
    def metric(self) -> Metric:
        """The metric, as the last process has it."""
        return self.measurements[-1].metric

    @property
    def stored(self) -> BaselineView:
        """The baseline where there is one, which the rules on comparisons rely on."""
        assert self.baseline is not None
        return self.baseline

    @property
    def moved(self) -> tuple[Difference, ...]:
        """What differs since the baseline was recorded: versions, packages, a driver."""
        return differences(self.stored.provenance or {}, self.provenance)

    @property
    def suspects(self) -> tuple[Difference, ...]:
        """Those of `moved` that may be why a time is another one."""
        return tuple(one for one in self.moved if one.name not in self.idle)

    @property
    def value(self) -> float:
        """What people read: the median over the processes that count."""
        return typical(self.measurements)


def typical(measurements: Sequence[Measurement]) -> float:
    """The median over those that count."""
    return median(one.value for one in counted(measurements))

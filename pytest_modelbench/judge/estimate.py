"""A change that is known only so well, and what may be said of it. Logs throughout: 0 is no change, up is slower."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from pytest_modelbench.judge.spread import UNKNOWN, Spread, of_sample, pooled
from pytest_modelbench.judge.student import t_quantile

#: Power at which a change counts as one that would have been found: what trials of procedures usually ask for.
POWER = 0.8
#: Beyond, no number of repetitions is a plan.
_MOST_REPETITIONS = 10_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A change ``theta`` with its standard error ``se`` and the degrees of freedom ``dof`` that this is known to."""

    theta: float
    se: float
    dof: float

    def upper(self, alpha: float) -> float:
        """Bound that the true change exceeds with probability ``alpha`` at most."""
        return self.theta + t_quantile(1 - alpha, self.dof) * self.se

    def lower(self, alpha: float) -> float:
        """Bound that the true change falls below with probability ``alpha`` at most."""
        return self.theta - t_quantile(1 - alpha, self.dof) * self.se

    def mirrored(self) -> Estimate:
        """Return the change seen from the other side: for metrics of which more is better."""
        return Estimate(-self.theta, self.se, self.dof)


@dataclass(frozen=True, slots=True)
class Edges:
    """Two edges of a check: a change above ``fail_above`` must not pass, one below ``ignore_below`` must not fail.

    With one edge in place of two, a true change of exactly that size could never be decided.
    """

    fail_above: float
    ignore_below: float

    @classmethod
    def of_band(cls, ratio: float) -> Edges:
        """Those of a band that tolerates a share ``ratio``: the band itself, and half of it."""
        return cls(math.log1p(ratio), math.log1p(ratio / 2))


def paired(changes: Sequence[float], expected: Spread = UNKNOWN) -> Estimate:
    """The mean of at least two independent ``changes``, by Student's t.

    Their own spread is taken together with the one that others make expect (the moderated t of Smyth, 2004).
    """
    spread = pooled([expected, of_sample(changes)])
    return repeated(fmean(changes), max(math.sqrt(spread.variance), PAIR_FLOOR), len(changes), expected.dof)


def repeated(mean: float, sd: float, n: int, more_dof: float = 0.0) -> Estimate:
    """The ``mean`` of ``n`` repetitions that spread by ``sd``, known to ``more_dof`` degrees of freedom besides."""
    return Estimate(mean, sd / math.sqrt(n), n - 1 + more_dof)


#: Least spread between pairs that is believed, in log: four that agree to less agree by chance or by rounding.
PAIR_FLOOR = 0.001


def spent(rate: float, looks: Sequence[int], n: int) -> float:
    """The part of an error ``rate`` that the look after ``n`` repetitions may spend.

    Half of it at the first look, the rest shared by the others: all of them together err at ``rate`` at most, whatever
    they have in common (Bonferroni). The first look decides most, on the fewest degrees of freedom.
    """
    if len(looks) == 1:
        return rate
    return rate / 2 if n <= looks[0] else rate / 2 / (len(looks) - 1)


def detectable(change: Estimate, edges: Edges, alpha: float) -> float:
    """The smallest change, in log, that an estimate as sure as ``change`` would have called a regression.

    With probability `POWER`: the bound at ``alpha`` has to clear ``ignore_below``.
    """
    return edges.ignore_below + (t_quantile(1 - alpha, change.dof) + t_quantile(POWER, change.dof)) * change.se


def repetitions_needed(after: Callable[[int], Estimate], edges: Edges, alpha: float, ok_alpha: float) -> int | None:
    """How many repetitions in all would decide a change that stays where it is, either way.

    ``after(n)``: how well n repetitions would tell it. None if that is beyond any plan: it may lie on an edge, or part
    of its error is not the repetitions'.
    """

    def decide(n: int) -> bool:
        change = after(n)
        return change.upper(ok_alpha) < edges.fail_above or change.lower(alpha) > edges.ignore_below

    # Bounds only come closer with n.
    found = bisect_left(range(_MOST_REPETITIONS), True, lo=2, key=decide)
    return found if found < _MOST_REPETITIONS else None

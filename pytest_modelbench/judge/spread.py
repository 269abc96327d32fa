"""How far things spread, where few of them were seen: shrunk towards what others like them have shown.

Empirical Bayes on variances, as in Smyth, "Linear models and empirical Bayes methods for assessing differential
expression in microarray experiments" (Statistical Applications in Genetics and Molecular Biology 3, 2004): the
variances of checks are taken to be drawn from one scaled inverse chi-square distribution, which the others tell; the
check's own one is then the mean of both, weighted by their degrees of freedom, which add up. Logs throughout.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean


@dataclass(frozen=True, slots=True)
class Spread:
    """A variance, in log squared, known as well as ``dof`` degrees of freedom tell it; 0 of them: nothing is known.

    An estimate of a single part of a variance may be below 0; only what it is pooled into is a variance.
    """

    variance: float = 0.0
    dof: float = 0.0

    def known_to(self, dof: float) -> Spread:
        """The same, trusted no more than that."""
        return replace(self, dof=min(self.dof, dof))


#: Nothing is known.
UNKNOWN = Spread()


def pooled(spreads: Iterable[Spread]) -> Spread:
    """All of them taken together: their mean, weighted by what each is known to."""
    known = [one for one in spreads if one.dof > 0]
    dof = math.fsum(one.dof for one in known)
    return Spread(math.fsum(one.variance * one.dof for one in known) / dof, dof) if dof else UNKNOWN


def variance(values: Sequence[float]) -> float:
    """The variance of at least two ``values``; `statistics` calculates it in fractions, which takes far longer."""
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def of_sample(values: Sequence[float]) -> Spread:
    """How far ``values`` spread, by themselves."""
    return Spread(variance(values), len(values) - 1.0) if len(values) > 1 else UNKNOWN


#: As how many degrees of freedom others count, at most: how different models are is not known.
MOST_OF_OTHERS = 6.0
#: Models as different in speed as this, in log, tell half as much of each other.
_HALF_AS_MUCH = math.log(8)
#: Speeds within this, in log, are one: so many classes are few, and as fine as anything depends on them.
_CLASS = math.log(2)


def speed(value: float, unit: str) -> float:
    """By what noisy checks are alike, in log: seconds, or with the sign of seconds whatever is counted per second."""
    return math.log(value) if unit == "s" else -math.log(value)


class Others:
    """What checks have shown of a spread, for those that have shown little of their own.

    A test speaks with one voice, however many checks it has: latency and throughput of one model go together. Classes
    of speed keep asking cheap among thousands of tests.
    """

    def __init__(self) -> None:
        self._shown: dict[str, dict[str, tuple[int, Spread]]] = defaultdict(dict)  #: by test and check, with its class
        self._sums: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])  #: by class: of variances, and of weights

    def show(self, test: str, check: str, log_s: float, spread: Spread) -> None:
        """What ``check`` of ``test``, which takes so long, shows by now; it takes the place of what it had shown."""
        self._count(test, -1)
        self._shown[test][check] = (round(log_s / _CLASS), spread)
        self._count(test, 1)

    def expected(self, test: str, log_s: float) -> Spread:
        """What the others make expect of ``test``, which takes so long."""
        own: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for place, squares, weight in self._voices(test):
            own[place][0] += squares
            own[place][1] += weight
        heard = []
        for place, (squares, weight) in self._sums.items():
            left = weight - own[place][1]
            if left > 1e-9:
                near = 0.5 ** (abs(place * _CLASS - log_s) / _HALF_AS_MUCH)
                heard.append(Spread((squares - own[place][0]) / left, left * near))
        return pooled(heard).known_to(MOST_OF_OTHERS)

    def _count(self, test: str, sign: int) -> None:
        for place, squares, weight in self._voices(test):
            self._sums[place][0] += sign * squares
            self._sums[place][1] += sign * weight

    def _voices(self, test: str) -> list[tuple[int, float, float]]:
        shown = self._shown.get(test, {})
        return [(place, one.variance * one.dof / len(shown), one.dof / len(shown)) for place, one in shown.values()]


def between_sessions(sessions: Sequence[Sequence[float]], within: float) -> Spread:
    """How far ``sessions`` of one code spread beyond what their processes, of the variance ``within``, explain."""
    if len(sessions) < 2:
        return UNKNOWN
    explained = within * fmean(1 / len(session) for session in sessions)
    return Spread(variance([fmean(session) for session in sessions]) - explained, len(sessions) - 1.0)

"""Where series changed their level, night by night, with the rate of false changes bounded.

Each night the last few nights are held against the level before them, for several numbers of last nights up to a month:
the window-limited generalized likelihood ratio (Willsky and Jones, IEEE Transactions on Automatic Control 1976; Lai,
Journal of the Royal Statistical Society B 1995). A series is looked at twice: as it is, and less what it shares with
the other checks of the same nights, which is how the machine was. The bounds of both are set by simulation
(``tests/trials/change_points.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import fmean, median

from pytest_modelbench.judge.student import t_quantile

#: Nights of a level before it can be said to change: of fewer nobody knows how far they differ.
LEAST_BEFORE = 14
#: Nights of a later level: by then it is known.
_LEAST_LATER = 4
#: How many of the last nights may be the new level: one or two may be a busy machine.
_AFTER = (3, 4, 5, 7, 10, 15, 21, 30)
#: By how many standard deviations one night counts at most, so that neither one nor two make a level.
_FAR = 2.5
#: How rarely a normal variable is that far out on one side, for a series as it is and for what it does not share. With
#: these an unchanged series has a false change in 1,000 nights at most.
_BEYOND = 3e-5, 1.6e-4
#: Standard deviation of a series that nothing is known of, in logs, and how many nights that counts for. It is the
#: median of those that were measured (``tests/trials/results/trust-*``).
_USUAL_SPREAD, _USUAL_NIGHTS = 0.011, 3
#: The median of absolute deviations from the median is so much of a normal variable's standard deviation.
_OF_DEVIATION = 1.4826
#: From which sum of deviations on, each less a slack, a change is looked for: the bound is beyond for all of `_AFTER`.
_SLACK, _ENOUGH = 0.4, 3.0
#: Nights of a level at least, once later ones place its ends.
_LEAST = 2
#: Nights to either side at which a change is looked for once more is known of the level after it.
_NEAR = 5


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """The first night of a new level, by its number, and the means of the levels before and from then on."""

    at: int
    before: float
    after: float

    @property
    def difference(self) -> float:
        """By how much the level differs."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Course:
    """Values by night, in the order of time: logs of which more means slower. ``group``: measured by the same test."""

    group: str
    values: Mapping[str, float]


def change_points(courses: Sequence[Course]) -> list[tuple[ChangePoint, ...]]:
    """Where each of ``courses``, of one environment, changes its level.

    What a course shares with others is taken from the nights of the same name, of other groups than its own: the rate
    of a model is its time once more.
    """
    looked = [_Looked(course) for course in courses]
    everybody, by_group = _Shared(), {course.group: _Shared() for course in courses}
    for one in looked:
        everybody.add(one)
        by_group[one.course.group].add(one)
    return [one.beside(everybody, by_group[one.course.group]) for one in looked]


def exact_change_points(values: Sequence[float]) -> tuple[ChangePoint, ...]:
    """Where values that do not vary are others: every change is one."""
    steps = pairwise(values)
    return tuple(ChangePoint(at, then, now) for at, (then, now) in enumerate(steps, 1) if now != then)


class _Looked:
    """A course that was looked at by itself: how far each night is away from its level, in standard deviations."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.values = list(course.values.values())
        alone = _View(self.values, _spread_of_steps(self.values), _BEYOND[0])
        self._away = _away(alone, _starts([alone]))
        self._spread = _spread(self._away)
        self.scores = [away / self._spread for away in self._away]

    def beside(self, everybody: _Shared, own: _Shared) -> tuple[ChangePoint, ...]:
        """Its change points, once it is known how all others moved in the same nights."""
        others = [everybody.mean_without(own, night) for night in self.course.values]
        along = sum(away * other for away, other in zip(self._away, others, strict=True))
        share = along / (sum(other * other for other in others) + _USUAL_NIGHTS)
        left = [value - share * other for value, other in zip(self.values, others, strict=True)]
        spread = _spread([away - share * other for away, other in zip(self._away, others, strict=True)])
        views = [_View(self.values, self._spread, _BEYOND[0]), _View(left, spread, _BEYOND[1])]
        return _settled(views, _starts(views))


class _Shared:
    """Sums of the scores of several courses by night."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, int]] = {}

    def add(self, one: _Looked) -> None:
        for night, score in zip(one.course.values, one.scores, strict=True):
            total, count = self._sums.get(night, (0.0, 0))
            self._sums[night] = total + score, count + 1

    def mean_without(self, own: _Shared, night: str) -> float:
        """The mean score of a night less those of ``own``; 0 where there is no other."""
        (total, count), (less, fewer) = self._sums[night], own._sums[night]
        return (total - less) / (count - fewer) if count > fewer else 0.0


class _View:
    """A way to look at a course: its values, their standard deviation, and the bound on a difference of means."""

    def __init__(self, values: Sequence[float], spread: float, beyond: float) -> None:
        self.values, self.spread, self.most = values, spread, _FAR * spread
        self._bound = (t_quantile(1 - beyond, len(values) + _USUAL_NIGHTS) * spread) ** 2

    def alarm(self, start: int, until: int) -> tuple[int, float, int] | None:
        """The first night ``until`` which a change since ``start`` is found: its end, less its excess, its place.

        None of the values counts as farther from the level so far than it may. Sums of what is away from that level
        (Page, Biometrika 1954) tell when it is worth to look at all.
        """
        least = _LEAST_LATER if start else LEAST_BEFORE
        if until - start < least + _AFTER[0]:
            return None
        level, most = median(self.values[start : start + least]), self.most
        slack, enough = _SLACK * self.spread, _ENOUGH * self.spread
        seen, total, sums, above, below = 3, 0.0, [0.0], 0.0, 0.0
        for end, value in enumerate(self.values[start:until], start):
            away = value - level
            away = -most if away < -most else most if away > most else away
            total += level + away
            sums.append(total)
            above, below = above + away - slack, below - away - slack
            above, below = above if above > 0 else 0.0, below if below > 0 else 0.0
            if (above > enough or below > enough) and (found := self._looked_at(sums, least)):
                return end + 1, -found[0], start + found[1]
            seen += 1
            level += away / seen
        return None

    def _looked_at(self, sums: Sequence[float], least: int) -> tuple[float, int] | None:
        """By how much the last nights exceed what is allowed, at which number of nights before they do so most."""
        end, most, change = len(sums) - 1, 1.0, 0
        for after in _AFTER:
            before = end - after
            if before < least:
                break
            apart = (sums[end] - sums[before]) / after - sums[before] / before
            excess = apart * apart / (self._bound * (1 / after + 1 / before))
            if excess > most:
                most, change = excess, before
        return (most, change) if change else None

    def level(self, start: int, end: int) -> float:
        """The mean of some nights, of which none counts for more than it may."""
        values = self.values[start:end]
        middle = median(values)
        return fmean(min(max(value, middle - self.most), middle + self.most) for value in values)

    def placed(self, start: int, at: int, end: int) -> tuple[float, int]:
        """The place near ``at`` where the levels before and after differ most for what is allowed, and by how much."""
        then, now = median(self.values[start:at]), median(self.values[at:end])
        low, high = min(then, now) - self.most, max(then, now) + self.most
        sums = [0.0, *accumulate(min(max(value, low), high) for value in self.values[start:end])]
        count = end - start
        places = range(max(_LEAST, at - start - _NEAR), min(count - _LEAST, at - start + _NEAR) + 1)
        return max(
            (self._excess(sums[place], place, sums[count] - sums[place], count - place), place + start)
            for place in places
        )

    def _excess(self, before: float, nights_before: int, after: float, nights_after: int) -> float:
        """The square of how far two means are apart, for what is allowed: beyond 1 they differ."""
        apart = after / nights_after - before / nights_before
        return apart * apart / (self._bound * (1 / nights_before + 1 / nights_after))


def _starts(views: Sequence[_View]) -> list[int]:
    """First nights of the levels after the first one, as they would have been found night by night."""
    start, found = 0, list[int]()
    while True:
        alarms, until = [], len(views[0].values)
        for view in views:
            if alarm := view.alarm(start, until):
                alarms.append(alarm)
                until = alarm[0]
        if not alarms:
            return found
        *_, start = min(alarms)
        found.append(start)


def _settled(views: Sequence[_View], starts: Sequence[int]) -> tuple[ChangePoint, ...]:
    """Changes where all nights since place them; those that later nights do not bear out go, the weakest first."""
    kept, count = list(starts), len(views[0].values)
    while kept:
        edges = [0, *kept, count]
        excesses = []
        for number in range(1, len(edges) - 1):
            # Beside the one before where that is now, so that two never meet.
            excess, edges[number] = max(view.placed(*edges[number - 1 : number + 2]) for view in views)
            excesses.append(excess)
        kept = edges[1:-1]
        weakest = excesses.index(min(excesses))
        if excesses[weakest] > 1:
            break
        del kept[weakest]
    edges, level = [0, *kept, count], views[0].level
    return tuple(
        ChangePoint(at, level(then, at), level(at, end))
        for then, at, end in zip(edges, edges[1:], edges[2:], strict=False)
    )


def _away(view: _View, starts: Sequence[int]) -> list[float]:
    """How far each night is away from its level; none farther than it may."""
    edges, most = [0, *starts, len(view.values)], view.most
    away: list[float] = []
    for start, end in pairwise(edges):
        level = view.level(start, end) if end > start else 0.0
        away += [min(max(value - level, -most), most) for value in view.values[start:end]]
    return away


def _spread(away: Sequence[float]) -> float:
    """Standard deviation of what is ``away`` from its level by so much."""
    return _with_usual(sum(one * one for one in away), len(away) - 1)


def _spread_of_steps(values: Sequence[float]) -> float:
    """Standard deviation by the steps from night to night, which changes of level and single nights hardly touch."""
    steps = [abs(later - earlier) for earlier, later in pairwise(values)]
    if not steps:
        return _USUAL_SPREAD
    most = _FAR * _OF_DEVIATION * median(steps)
    return _with_usual(sum(min(one, most) ** 2 for one in steps) / 2, len(steps))


def _with_usual(squares: float, dof: int) -> float:
    return math.sqrt((squares + _USUAL_NIGHTS * _USUAL_SPREAD**2) / (max(dof, 0) + _USUAL_NIGHTS))

"""What became of series over the nights: where their level changed, by how much and beside what else; what crept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from pytest_modelbench.core.environment import Difference, differences, told_first
from pytest_modelbench.core.series import Night, Series
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.change_points import Course, change_points, exact_change_points

#: Nights that are looked at, a year of them: what is older was told.
LOOKED_AT = 365
#: Nights for which a change of level is news.
RECENT = 10
#: From which share of its band on a change of level holds anybody up.
_WORTH = 0.2
#: Logs beyond are no figures of anything, and their exponentials no numbers.
_FARTHEST = 700.0
#: Nights that the present level of what is noisy is taken from at most.
_PRESENT = 5


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A level that changed between two nights; ``ratio`` is of the levels, None where the one before is 0."""

    last: Night  #: of the level before
    first: Night  #: of the new one
    ratio: float | None
    worse: bool
    since: Night  #: of noisy levels, whose night may be the one beside: surely of the level before
    until: Night  #: and surely of the new one

    @property
    def causes(self) -> tuple[Difference, ...]:
        """What else is known to have changed between the two, or about then; what probably matters first."""
        found = differences(self.last.facts, self.first.facts)
        return told_first(found or differences(self.since.facts, self.until.facts))


@dataclass(frozen=True, slots=True)
class Creep:
    """How far a level is from the first of several baselines, of which each was within the band of the next."""

    first: str  #: which baseline that was: its session
    acceptances: int  #: how many followed it
    ratio: float
    allowed: float
    worse: bool

    @property
    def beyond(self) -> bool:
        """Whether that is more than the band allows, for the worse."""
        return self.worse and abs(self.ratio - 1) > self.allowed


@dataclass(frozen=True, slots=True)
class Levels:
    """What became of one series; the changes are the oldest first."""

    series: Series
    changes: tuple[LevelChange, ...] = ()
    creep: Creep | None = None

    @property
    def drifted(self) -> tuple[LevelChange, ...]:
        """Changes for the worse that are news, worth telling, and in no baseline yet."""
        series = self.series
        news = {one.session for one in series.nights[-RECENT:]}
        least = _WORTH * (series.last.allowed or 0.0)
        return tuple(
            one
            for one in self.changes
            if one.worse and one.first.session in news and not _accepted_since(series.last.accepted, one.first)
            and (one.ratio is None or abs(one.ratio - 1) >= least)
        )  # fmt: skip

    @property
    def crept(self) -> bool:
        """Whether the check is beyond its band from the first baseline, and the newest one is news."""
        accepted = [one.accepted for one in self.series.nights[-RECENT - 1 :]]
        return bool(self.creep and self.creep.beyond) and set(accepted) != {self.series.last.accepted}


def levels(found: Sequence[Series]) -> list[Levels]:
    """What became of each of ``found``; those that were measured together tell how the machine was."""
    changes: dict[int, tuple[LevelChange, ...]] = {}
    together: dict[tuple[str, str], list[tuple[int, list[Night]]]] = {}
    for number, series in enumerate(found):
        by_environment = _by_environment(series.nights[-LOOKED_AT:] if series.noisy else series.nights)
        if series.noisy:
            for environment, nights in by_environment.items():
                looked_at = [one for one in nights if one.log_ratio is not None]
                together.setdefault((series.folder, environment), []).append((number, looked_at))
        else:
            changes[number] = _exact(series, by_environment)
    for members in together.values():
        for number, told in _noisy(found, members):
            changes[number] = _in_order((*changes.get(number, ()), *told))
    return [Levels(series, changes.get(number, ()), _creep(series)) for number, series in enumerate(found)]


def _by_environment(nights: Sequence[Night]) -> dict[str, Sequence[Night]]:
    """The nights of each environment that can be compared with its last one: a machine tells of itself alone."""
    found: dict[str, list[Night]] = {}
    for one in nights:
        found.setdefault(one.environment, []).append(one)
    return {environment: _comparable(members) for environment, members in found.items()}


def _comparable(nights: Sequence[Night]) -> Sequence[Night]:
    """The nights that measured what the last one does: where one is incomparable with its baseline, that changed."""
    incomparable = Verdict.INCOMPARABLE
    other = [one.verdict is incomparable for one in nights]
    if True not in other:
        return nights
    changed = [at for at in range(1, len(nights)) if other[at] and not other[at - 1]]
    return nights[changed[-1] :] if changed else nights


def _exact(series: Series, by_environment: Mapping[str, Sequence[Night]]) -> tuple[LevelChange, ...]:
    """Each change of value; what several environments show is one change, of whichever showed it first.

    None of what other tools measured, most of which is times.
    """
    found = [
        _change(series, nights, point.at, point.difference, _ratio(point.before, point.after), beside=0)
        for nights in by_environment.values()
        if not nights[-1].imported
        for point in exact_change_points([one.value for one in nights])
    ]
    told: dict[tuple[float, float], set[str]] = {}
    kept = []
    for one in _in_order(found):
        showed = told.setdefault((one.last.value, one.first.value), set())
        if not showed or one.first.environment in showed:
            showed.clear()
            kept.append(one)
        showed.add(one.first.environment)
    return tuple(kept)


def _noisy(
    found: Sequence[Series], members: Sequence[tuple[int, list[Night]]]
) -> Iterable[tuple[int, tuple[LevelChange, ...]]]:
    """The changes of series that were measured together, by their numbers."""
    signs = [-1 if found[number].better == "higher" else 1 for number, _ in members]
    courses = [
        Course(found[number].test, {one.session: sign * (_position(one) or 0.0) for one in nights})
        for (number, nights), sign in zip(members, signs, strict=True)
    ]
    for (number, nights), sign, points in zip(members, signs, change_points(courses), strict=True):
        by_session = {one.session: one for one in nights}  # as the course has them: a session is one night
        kept = list(by_session.values())
        yield (
            number,
            tuple(
                _change(found[number], kept, point.at, moved := sign * point.difference, _exp(moved), beside=1)
                for point in points
            ),
        )


def _change(
    series: Series, nights: Sequence[Night], at: int, moved: float, ratio: float | None, *, beside: int
) -> LevelChange:
    """A change at the night ``at``, or so many nights ``beside`` it."""
    until = nights[min(at + beside, len(nights) - 1)]
    return LevelChange(nights[at - 1], nights[at], ratio, _worse(series, moved), nights[at - 1 - beside], until)


def _position(night: Night) -> float | None:
    """The log of a value, of noisy checks beside the reference workload; None where there is no such thing."""
    if (ratio := night.log_ratio) is not None:
        return ratio if -_FARTHEST < ratio < _FARTHEST else math.copysign(_FARTHEST, ratio)
    return math.log(night.value) if night.value > 0 else None


def _exp(log: float) -> float:
    return math.exp(max(-_FARTHEST, min(_FARTHEST, log)))


def _worse(series: Series, difference: float) -> bool:
    """Whether a value that moved by so much is a worse one; any is where all have to be equal."""
    return {"lower": difference > 0, "higher": difference < 0}.get(series.better, True)


def _ratio(then: float, now: float) -> float | None:
    ratio = now / then if then else math.inf
    return ratio if math.isfinite(ratio) else None


def _in_order(found: Iterable[LevelChange]) -> tuple[LevelChange, ...]:
    return tuple(sorted(found, key=lambda one: (one.first.started, one.first.session)))


def _accepted_since(accepted: str, night: Night) -> bool:
    """Whether a baseline was accepted in ``night`` or later; it may tell its time, or the day alone."""
    length = 23 if accepted[10:11] == "T" else 10
    return bool(accepted) and accepted[:length] >= night.started[:length]


def _creep(series: Series) -> Creep | None:
    """How far the present level is from the first baseline that later ones came from in steps within the band."""
    nights, allowed = _by_environment(series.nights)[series.last.environment], series.last.allowed
    if not allowed or len({one.accepted for one in nights}) == 1:
        return None
    anchors: dict[str, list[float]] = {}
    for one in nights:
        if one.accepted and one.ratio and one.ratio > 0 and (position := _position(one)) is not None:
            anchors.setdefault(one.accepted, []).append(position - math.log(one.ratio))
    steps = [(accepted, median(positions)) for accepted, positions in anchors.items()]
    chain = steps[-1:]
    for step in reversed(steps[:-1]):
        if abs(_exp(chain[-1][1] - step[1]) - 1) > allowed:
            break
        chain.append(step)
    last = [one for one in nights[-(_PRESENT if series.noisy else 1) :] if one.accepted == series.last.accepted]
    present = [position for one in last if (position := _position(one)) is not None]
    if len(chain) < 2 or not present:
        return None
    moved = median(present) - chain[-1][1]
    return Creep(chain[-1][0], len(chain) - 1, _exp(moved), allowed, _worse(series, moved))

"""Which revision of a range changed a check: a bisection in which a wrong turn has a stated probability.

Every revision is measured beside the first one, in pairs, at looks that are fixed before (as in `judge.paired`). First
the last revision, which tells how large the whole change is; then the middle of what is left. A revision goes to the
side before the change as soon as it is sure to have less than two thirds of it, to the side after it as soon as it is
sure to have more than one third. Between two commits that share the change evenly either is right, and one commit that
has all of it is told apart twice as fast as by its half. Where the two that are left in the end do not differ, which
comes of such turns, the search goes on between that level and the end that is farther from it. Each decision errs at an
equal part of the rate: that there is a change, each turn, and the last step, so that a search for one commit errs at
the rate itself at most (Bonferroni). Logs throughout.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pytest_modelbench.core.bisection import Answer, Ended, Shift, Side
from pytest_modelbench.core.metrics import Better
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.estimate import Edges, Estimate, paired, spent
from pytest_modelbench.judge.procedure import ALPHA
from pytest_modelbench.judge.ruling import sure_verdict
from pytest_modelbench.judge.spread import MOST_OF_OTHERS, of_sample, pooled

#: Less of the whole change than the one is a revision before it, more than the other one after it.
_BEFORE, _AFTER = 2 / 3, 1 / 3
#: A part of the whole change that lies elsewhere is told from here on.
_ELSEWHERE = 0.1
#: Revisions that the noise leaves open until the search ends with a range: their neighbours are like them.
_MOST_OPEN = 2


def middle(good: int, bad: int, passed: Collection[int]) -> int | None:
    """The revision nearest to the middle between two, of those that can be measured; None if none is left."""
    left = [at for at in range(good + 1, bad) if at not in passed]
    return min(left, key=lambda at: (abs(2 * at - good - bad), at), default=None)


def decisions(revisions: int) -> int:
    """How many decisions a search over so many ``revisions`` takes: that there is a change, its turns, the last step.

    And one turn more, as what is left out may make halves uneven.
    """
    return 3 + math.ceil(math.log2(revisions)) if revisions > 1 else 1


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for: a change beyond the ``edges`` of a metric of which so much is ``better``."""

    edges: Edges
    better: Better


class Bounds:
    """What is known of each revision, and what that leaves."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.floor, self.ceiling = 0, last  #: what is searched between
        self.sides: dict[int, Side] = {}
        self.passed: set[int] = set()

    @property
    def good(self) -> int:
        return max((at for at, side in self.sides.items() if side is Side.BEFORE), default=self.floor)

    @property
    def bad(self) -> int:
        return min((at for at, side in self.sides.items() if side is Side.AFTER), default=self.ceiling)

    def narrow(self, floor: int, ceiling: int) -> None:
        """Search between these, with nothing known of what lies in between."""
        self.floor, self.ceiling = floor, ceiling
        self.widen()

    def widen(self) -> None:
        """Forget on which side what lies in between is."""
        self.sides = {}

    def middle(self) -> int | None:
        return middle(self.good, self.bad, self.passed)

    def answer(self, whole: Shift, before: Shift | None, own: Shift, *, several: bool) -> Answer:
        ended = Ended.FOUND if self.bad - self.good == 1 else Ended.BETWEEN
        return Answer(ended, whole, self.good, self.bad, before, own, several)


class TimesSearch:
    """A search by times: each revision is measured in pairs beside the first one, until its side is sure.

    It ``wants`` a revision, is told of it or passes it over, and has its ``answer`` once it wants none. ``side`` says
    where a revision lies and ``shift`` how far from the first one, None as long as that is not known.
    ``looks``: after how many pairs a revision is looked at; one that is not told by the last is passed over.
    """

    def __init__(self, revisions: int, sought: Sought, looks: Sequence[int], rate: float = ALPHA) -> None:
        self._bounds = Bounds(revisions)
        self._sought = sought
        self._looks = tuple(looks)
        self._rate = rate / decisions(revisions)
        self._told: dict[int, list[tuple[float, bool]]] = {}  #: by revision: changes, and whether disturbed
        self._pairs: dict[int, int] = {}
        self._verdict: Verdict | None = None  #: of the whole range, once it is sure
        self._open = 0  #: revisions that are passed over since the noise leaves them open
        self._is_sure = False  #: of the last step
        self._wanted: int | None = revisions

    def tell(self, at: int, slower: float | None, *, disturbed: bool = False) -> None:
        """One more pair has measured revision ``at``, so much slower in log; None: it did not tell.

        Up is slower, whatever the metric counts. What was ``disturbed`` counts only where most of a revision's pairs
        were: that is what the machine is like. What was not asked for is kept, and decides nothing.
        """
        self._pairs[at] = self._pairs.get(at, 0) + 1
        if slower is not None:
            self._told.setdefault(at, []).append((slower, disturbed))
        if at == self._wanted:
            self._look(at)
            self._wanted = self._next()

    def pass_over(self, at: int) -> None:
        if at == self._wanted and at == self._bounds.middle():
            self._bounds.passed.add(at)
            self._wanted = self._next()
        else:  # something is known of it already
            self.tell(at, None)

    def side(self, at: int) -> Side | None:
        if at == self._bounds.last:
            return Side.AFTER if self._is_changed else None
        return self._bounds.sides.get(at)

    def shift(self, at: int) -> Shift | None:
        return _shift(self._estimate(at)) if len(self._changes(at)) > 1 else None

    def wants(self) -> int | None:
        return self._wanted

    def answer(self) -> Answer:
        if not self._is_changed:
            ended = Ended.ALIKE if self._verdict is Verdict.OK else Ended.OPEN
            return Answer(ended, self.shift(self._bounds.last), 0, self._bounds.last)
        if self._wanted is None and self._beyond_third(self._own()).theta <= 0:
            self._bounds.widen()  # what is left has no part in the change: it lies somewhere between the levels
        whole, own = self._estimate(self._bounds.last), self._own()
        before = self.shift(self._bounds.good) if self._bounds.good else None
        return self._bounds.answer(_shift(whole), before, _shift(own), several=self._lies_elsewhere(whole, own))

    # --- what follows

    def _look(self, at: int) -> None:
        """Decide what one more pair of a revision that was asked for may have decided."""
        if at == self._bounds.last and self._verdict is None:
            self._verdict = self._verdict_on_whole()
        elif self._is_changed and at == self._bounds.middle():
            self._decide(at)
        elif self._is_changed and self._bounds.middle() is None:
            self._is_sure = self._is_sure or self._is_sure_of_own()

    def _next(self) -> int | None:
        last = self._bounds.last
        if self._verdict is None:
            return None if self._is_through(last) else last
        if not self._is_changed:
            return None
        while self._open < _MOST_OPEN:
            at = self._bounds.middle()
            if at is not None:
                if not self._is_through(at):
                    return self._worse_known_than(at) or at
                self._decide(at)  # other checks have asked for it often enough
                continue
            self._is_sure = self._is_sure or self._is_sure_of_own()
            if self._is_sure:
                return None
            if ends := [end for end in (self._bounds.good, self._bounds.bad) if end and not self._is_through(end)]:
                return min(ends, key=lambda end: (self._pairs.get(end, 0), end))
            if self._beyond_third(self._own()).theta > 0 or not self._goes_on():
                return None
        return None

    # --- what pairs tell

    @property
    def _is_changed(self) -> bool:
        return self._verdict is not None and self._verdict is not Verdict.OK

    def _is_through(self, at: int) -> bool:
        return self._pairs.get(at, 0) >= self._looks[-1]

    def _alpha(self, at: int) -> float | None:
        """The error rate at this look; None between looks, and as long as too few pairs have told anything."""
        pairs = min(self._pairs.get(at, 0), self._looks[-1])
        if len(self._changes(at)) < 2 or pairs not in self._looks:
            return None
        return spent(self._rate, self._looks, pairs)

    def _changes(self, at: int) -> list[float]:
        """The changes of one revision that count."""
        told = self._told.get(at, [])
        calm = [slower for slower, disturbed in told if not disturbed]
        return calm if 2 * len(calm) >= len(told) else [slower for slower, _ in told]

    def _estimate(self, at: int) -> Estimate:
        """The change of one revision; how far pairs spread, those of the other revisions tell, too."""
        if at == 0:
            return Estimate(0.0, 0.0, math.inf)
        others = pooled(of_sample(self._changes(revision)) for revision in self._told if revision != at)
        return paired(self._changes(at), others.known_to(MOST_OF_OTHERS))

    def _verdict_on_whole(self) -> Verdict | None:
        alpha = self._alpha(self._bounds.last)
        if alpha is None:
            return None
        # One that is better was changed as well: what is looked for is where.
        change, edges = self._estimate(self._bounds.last), self._sought.edges
        either = sure_verdict(change, Better.EQUAL, edges, alpha, alpha)
        if either is not Verdict.REGRESSED or self._sought.better is Better.EQUAL:
            return either
        return Verdict.REGRESSED if change.theta > 0 else Verdict.IMPROVED

    def _decide(self, at: int) -> None:
        """Put a revision on its side, if that is sure; pass it over if it will not be."""
        alpha = self._alpha(at)
        if alpha is not None:
            before, after = self._beyond(at, _BEFORE).upper(alpha), self._beyond(at, _AFTER).lower(alpha)
            if before < 0 or after > 0:
                self._bounds.sides[at] = Side.BEFORE if -before > after else Side.AFTER
                return
        if self._is_through(at):
            self._open += 1
            self._bounds.passed.add(at)

    def _beyond(self, at: int, share: float) -> Estimate:
        """By how much a revision is beyond that share of the way between the levels that are searched between."""
        floor, ceiling = (self._estimate(end) for end in (self._bounds.floor, self._bounds.ceiling))
        change = _combined((1.0, self._estimate(at)), (share - 1, floor), (-share, ceiling))
        return _towards(change, _combined((1.0, ceiling), (-1.0, floor)))

    def _worse_known_than(self, at: int) -> int | None:
        """The level that is searched between, if what a revision lacks to be told is how high that one is."""
        if len(self._changes(at)) < 2:
            return None
        own_se = self._estimate(at).se
        ends = [end for end in (self._bounds.ceiling, self._bounds.floor) if end and not self._is_through(end)]
        return next((end for end in ends if _BEFORE * self._estimate(end).se > own_se), None)

    # --- the last step

    def _own(self) -> Estimate:
        """The change between the two revisions that are left."""
        return _combined((1.0, self._estimate(self._bounds.bad)), (-1.0, self._estimate(self._bounds.good)))

    def _is_sure_of_own(self) -> bool:
        """Whether the step between the two that are left surely is a part of the change that counts."""
        fewest = min((at for at in (self._bounds.good, self._bounds.bad) if at), key=lambda at: self._pairs.get(at, 0))
        alpha = self._alpha(fewest)
        return alpha is not None and self._beyond_third(self._own()).lower(alpha) > 0

    def _beyond_third(self, own: Estimate) -> Estimate:
        """By how much a step is more than a third of the change that is searched for."""
        floor, ceiling = (self._estimate(end) for end in (self._bounds.floor, self._bounds.ceiling))
        searched = _combined((1.0, ceiling), (-1.0, floor))
        return _towards(_combined((1.0, own), (-_AFTER, searched)), searched)

    def _lies_elsewhere(self, whole: Estimate, own: Estimate) -> bool:
        """Whether a part of the whole change that counts surely lies elsewhere, in its direction or against it."""
        if (self._bounds.good, self._bounds.bad) == (0, self._bounds.last):
            return False
        rest, least = _combined((1.0, whole), (-1.0, own)), _ELSEWHERE * abs(whole.theta)
        return rest.lower(ALPHA / 2) > least or rest.upper(ALPHA / 2) < -least

    def _goes_on(self) -> bool:
        """Search on from the level of the two that are left to the end farther from it; False: that is no range."""
        bounds = self._bounds
        below = abs(self._estimate(bounds.good).theta - self._estimate(bounds.floor).theta)
        above = abs(self._estimate(bounds.ceiling).theta - self._estimate(bounds.bad).theta)
        floor, ceiling = (bounds.bad, bounds.ceiling) if above >= below else (bounds.floor, bounds.good)
        if floor >= ceiling or (floor, ceiling) == (bounds.floor, bounds.ceiling):
            return False
        bounds.narrow(floor, ceiling)
        return True


def _combined(*parts: tuple[float, Estimate]) -> Estimate:
    """The sum of these shares of changes, known as well as the one that is known worst."""
    theta = math.fsum(share * one.theta for share, one in parts)
    return Estimate(theta, math.hypot(*(share * one.se for share, one in parts)), min(one.dof for _, one in parts))


def _towards(change: Estimate, other: Estimate) -> Estimate:
    """``change`` with up in the direction of the other."""
    return change if other.theta >= 0 else change.mirrored()


def _shift(change: Estimate) -> Shift:
    return Shift(change.theta, change.lower(0.025), change.upper(0.025))

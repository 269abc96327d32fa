"""Which revision of a range changed a value that does not vary: a bisection that is never wrong."""

from __future__ import annotations

import math

from pytest_modelbench.core.bisection import Answer, Ended, Shift, Side
from pytest_modelbench.judge.bisection import Bounds

#: By which a sum of exact changes may miss the whole: values of outputs are floats. All else lies elsewhere.
ROUNDED = 1e-6


class ValueSearch:
    """A search by values that do not vary: a revision is on the side of the end that it is nearer to.

    ``first`` and ``last`` are those of the ends, which differ; ``differ`` says so of what they are made of where the
    values are the same.
    """

    def __init__(self, revisions: int, first: float, last: float, *, differ: bool = True) -> None:
        self._bounds = Bounds(revisions)
        self._differ = differ
        self._values: dict[int, float] = {0: first, revisions: last}

    def tell(self, at: int, value: float, *, differs: bool) -> None:
        """Revision ``at`` has this value; ``differs``: what it is made of is not what the first one's is."""
        self._values[at] = value
        first, last = self._values[0], self._values[self._bounds.last]
        after = differs if first == last else differs and abs(value - last) <= abs(value - first)
        if self._bounds.good < at < self._bounds.bad:  # what else the test tells of is no matter of this search
            self._bounds.sides[at] = Side.AFTER if after else Side.BEFORE

    def pass_over(self, at: int) -> None:
        self._bounds.passed.add(at)

    def side(self, at: int) -> Side | None:
        if at == self._bounds.last:
            return Side.AFTER if self._differ else None
        return self._bounds.sides.get(at)

    def shift(self, at: int) -> Shift | None:
        return _exact_shift(self._values[0], self._values[at]) if at in self._values else None

    def wants(self) -> int | None:
        return self._bounds.middle() if self._differ else None

    def answer(self) -> Answer:
        first, last = self._values[0], self._values[self._bounds.last]
        whole = _exact_shift(first, last)
        if not self._differ:
            return Answer(Ended.ALIKE, whole, 0, self._bounds.last)
        good, bad = self._values[self._bounds.good], self._values[self._bounds.bad]
        several = abs((last - first) - (bad - good)) > ROUNDED * max(abs(first), abs(last))
        return self._bounds.answer(whole, _exact_shift(first, good), _exact_shift(good, bad), several=several)


def _exact_shift(then: float, now: float) -> Shift:
    log = math.log(now / then) if then > 0 and now > 0 else None
    return Shift(log, log, log)

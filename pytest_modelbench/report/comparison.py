"""Two sides held against each other, results or baselines: what changed on top, what is equal in one line."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pytest_modelbench.core.measurement import counted, log_ratios
from pytest_modelbench.core.metrics import Better
from pytest_modelbench.core.session import Check
from pytest_modelbench.core.verdicts import BaselineView
from pytest_modelbench.judge.comparison import compare
from pytest_modelbench.judge.estimate import Estimate
from pytest_modelbench.judge.ruling import bounded_ratio
from pytest_modelbench.judge.stored import reference_log_s
from pytest_modelbench.report.footnotes import SAME_SPEED, speed
from pytest_modelbench.report.scale import moved, number, pair, percent, plural, spread
from pytest_modelbench.report.table import Column, Row, layout

#: A noisy change is called equal if it may be none at all, and is at most this: the band that times have by default.
_NOISE = 0.05
_COLUMNS = (
    Column("test"),
    Column("check"),
    Column("A", right=True, drops=2),
    Column("B", right=True, drops=2),
    Column("A -> B", right=True),
    Column("", drops=1),
)


class Place(NamedTuple):
    """What a value is of; ``folder`` is empty where values of single folders are compared."""

    folder: str
    test: str
    name: str


@dataclass(frozen=True, slots=True)
class Value:
    """One side's value of one check. Noisy ones have the log ratio of each process, and what it is a ratio to."""

    value: float
    unit: str
    better: Better
    log_ratios: tuple[float, ...] = ()
    reference: str = ""
    reference_log_s: float | None = None

    @classmethod
    def measured(cls, check: Check) -> Value:
        """That of a session."""
        value, metric = check.judgement.value, check.metric
        if not (metric.noisy and check.measurements):
            return cls(value, metric.unit, metric.better)
        found = counted(check.measurements)
        made = found[-1].comparability
        return cls(
            value, metric.unit, metric.better, tuple(log_ratios(found)), made.reference, reference_log_s(found)
        )  # fmt: skip

    @classmethod
    def stored(cls, view: BaselineView) -> Value:
        """That of a baseline."""
        made = view.comparability
        return cls(view.value, view.unit, view.better, view.anchor, made.reference, view.reference_log_s)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: what was typed for it, what it is, and its values."""

    typed: str
    about: str
    values: Mapping[Place, Value]


@dataclass(frozen=True, slots=True)
class _Pair:
    """The values of one check on both sides."""

    place: Place
    a: Value
    b: Value

    @property
    def change(self) -> Estimate | None:
        """How much more, in log, B is, by its ratio to the same reference; None for what is exact, or has another."""
        a, b = self.a, self.b
        if not (a.log_ratios and b.log_ratios) or a.unit != b.unit or a.reference != b.reference:
            return None
        return compare(b.log_ratios, a.log_ratios, drift=self.drift).change

    @property
    def drift(self) -> float:
        """How much slower, in log, B's machine ran the reference; 0 where that is not known."""
        known = self.a.reference_log_s, self.b.reference_log_s
        return known[1] - known[0] if known[0] is not None and known[1] is not None else 0.0

    @property
    def size(self) -> float:
        """The change in log, more in B being positive; infinite where one of them is nothing."""
        if (change := self.change) is not None:
            return change.theta
        a, b = self.a.value, self.b.value
        if a > 0 and b > 0:
            return math.log(b / a)
        return 0.0 if a == b else math.copysign(math.inf, b - a)

    @property
    def equal(self) -> bool:
        """Whether there is no change, or none that the noise does not explain."""
        if self.a.unit != self.b.unit:
            return False
        if (change := self.change) is None:
            return self.a.value == self.b.value
        return not self.sure and abs(change.theta) <= math.log1p(_NOISE)

    @property
    def sure(self) -> bool:
        """Whether the noise does not explain the change."""
        change = self.change
        return change is None or not change.lower(0.025) <= 0 <= change.upper(0.025)

    @property
    def how(self) -> str:
        """``worse`` or ``better``, with a question mark if the noise may explain it, or why that cannot be told."""
        if self.equal:
            return "equal"
        if self.a.unit != self.b.unit:
            return "other unit"
        wanted = {Better.LOWER: -1, Better.HIGHER: 1, Better.EQUAL: 0}[self.b.better]
        return ("better" if self.size * wanted > 0 else "worse") + ("" if self.sure else "?")

    @property
    def marked(self) -> bool:
        """Whether the change is another than its two values say, since the machines ran at another speed."""
        change = self.change
        if change is None or abs(math.expm1(self.drift)) < SAME_SPEED:
            return False
        plain = math.log(self.b.value / self.a.value)
        return not change.lower(0.025) <= plain <= change.upper(0.025)

    @property
    def told(self) -> str:
        """The change, for a table cell."""
        if self.a.unit != self.b.unit:
            return "-"
        if (change := self.change) is None:
            return moved(self.a.value, self.b.value, self.a.unit)
        low, high = bounded_ratio(change.lower(0.025)), bounded_ratio(change.upper(0.025))
        return percent(bounded_ratio(change.theta)) + spread(low, high)


_ORDER = ("worse", "better", "other unit", "equal")


def render(a: Side, b: Side, width: int, *, whole: bool = False) -> str:
    """What became of A's values in B: worse before better, the largest first; ``whole``: with what is equal, too."""
    pairs = [_Pair(place, a.values[place], b.values[place]) for place in sorted(a.values.keys() & b.values.keys())]
    pairs.sort(key=lambda one: (_ORDER.index(one.how.rstrip("?")), -abs(one.size)))
    labels = _labels([*a.values, *b.values])
    equal = [one for one in pairs if one.equal]
    parts = [f"A: {a.typed}\n   {a.about}\nB: {b.typed}\n   {b.about}"]
    if shown := pairs if whole else [one for one in pairs if not one.equal]:
        parts.append("\n".join(_table(shown, labels, width)))
    if not pairs:
        parts.append("nothing is in both")
    elif equal and not whole:
        parts.append(_equal(equal, len(pairs)))
    for name, only in (("A", a.values.keys() - b.values.keys()), ("B", b.values.keys() - a.values.keys())):
        if only:
            parts.append("\n".join([f"only in {name}:", *_listed(only, labels)]))
    return "\n\n".join(parts)


def _table(pairs: Sequence[_Pair], labels: Mapping[Place, str], width: int) -> Iterator[str]:
    marked = [one for one in pairs if one.marked]
    rows = []
    for one in pairs:
        if one.a.unit == one.b.unit:
            values = pair(one.a.value, one.b.value, one.a.unit, tell_apart=not one.a.log_ratios)
        else:
            values = number(one.a.value, one.a.unit), number(one.b.value, one.b.unit)
        told = one.told + ("*" if one.marked else " ") if marked else one.told
        rows.append(Row((labels[one.place], one.place.name, *values, told, one.how)))
    yield layout(_COLUMNS, rows, width)
    if marked:
        farthest = max((one.drift for one in marked), key=abs)
        yield f"* B's machine ran up to {speed(math.exp(farthest))} than A's; the change is corrected for that"


def _equal(equal: Sequence[_Pair], of: int) -> str:
    """How many there are, without listing them."""
    noisy = sum(one.change is not None for one in equal)
    some = "all of them" if noisy == len(equal) else f"{noisy} of them"
    within = f", {'' if len(equal) == 1 else f'{some} '}within the noise" if noisy else ""
    count = f"all {plural(of, 'check')}" if len(equal) == of > 1 else plural(len(equal), "check")
    return f"{count} {'is' if len(equal) == 1 else 'are'} equal{within} (--all lists what is equal)"


def _labels(places: Iterable[Place]) -> dict[Place, str]:
    """The test of each place; with its folder where another folder holds the same check of it."""
    places = set(places)
    shared = Counter(place[1:] for place in places)
    return {one: f"{one.folder}: {one.test}" if shared[one[1:]] > 1 else one.test for one in places}


def _listed(places: Iterable[Place], labels: Mapping[Place, str]) -> list[str]:
    """Tests, each with its checks."""
    by_test: dict[str, list[str]] = {}
    for place in sorted(places):
        by_test.setdefault(labels[place], []).append(place.name)
    return [f"    {test} ({', '.join(names)})" for test, names in by_test.items()]

"""The course of a check over many nights as one picture: its values and intervals, the band, and what changed when."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from markupsafe import Markup, escape

from pytest_modelbench.core.environment import Difference, Fact, differences, named, told_first
from pytest_modelbench.core.printable import printable
from pytest_modelbench.core.series import Night, Series
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.levels import LevelChange, Levels
from pytest_modelbench.report.commands import bisection, short_commit
from pytest_modelbench.report.levels import bisect_command, how_far
from pytest_modelbench.report.page.svg import Scale, drawing
from pytest_modelbench.report.scale import alike, number, plural

#: Nights that a picture shows: half a year.
_NIGHTS = 180
_WIDTH, _HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 84.0, 708.0, 16.0, 196.0
#: Steps between ticks are these times a power of ten, or of 1024.
_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
#: Changes of level that are shown, the newest: a count that varies from night to night changes with each.
_LEVELS = 9
_MOST_NAMED, _MOST_CHARACTERS = 4, 160
#: Marks differ in shape, so that nobody needs their colours.
_MARKS = {
    Verdict.REGRESSED: ("bad", "M-4.5-4.5l9 9m0-9l-9 9"),
    Verdict.INCOMPARABLE: ("odd", "M-4.5-4.5h9v9h-9z"),
    Verdict.INCONCLUSIVE: ("odd", "M0-6l6 6l-6 6l-6-6z"),
    Verdict.IMPROVED: ("good", "M0-6l6 10h-12z"),
}
_NUMBERS = {verdict: at for at, verdict in enumerate(Verdict)}
_GOOD = {Verdict.OK, Verdict.UNCHANGED, Verdict.IMPROVED}


@dataclass(frozen=True, slots=True)
class Course:
    """A picture, and what a script needs to tell of its points: ``nights`` are those of the page, ``0-4 7``.

    ``moved`` says, by the number in the picture, when the environment changed and how; ``steps`` when the level did, by
    how much and beside what, and the command that looks for the commit. ``bisect`` is that for the commit between the
    last good night and the first bad one. Commands are empty where there are none.
    """

    picture: Markup
    nights: str
    values: str
    verdicts: str
    test: str  #: as a shell takes it
    moved: tuple[tuple[str, str], ...]
    steps: tuple[tuple[str, str, str], ...]
    bisect: str


@dataclass
class PageNights:
    """The nights of a page, each once however many checks it has; and what differs between two environments.

    ``argument`` is what commands take for a test, `core.places.Here.argument`.
    """

    argument: Callable[[str], str] = str
    told: list[tuple[str, str]] = field(default_factory=list)  #: when, and of which commit
    _numbers: dict[tuple[str, str | None], int] = field(default_factory=dict)
    _moved: dict[tuple[int, int], str] = field(default_factory=dict)

    def numbers(self, nights: Sequence[Night]) -> str:
        """Those of ``nights``, runs in short: ``0-4 7``."""
        found = [self._number(one) for one in nights]
        runs = [[*run] for _, run in groupby(enumerate(found), lambda one: one[1] - one[0])]
        return " ".join(f"{run[0][1]}-{run[-1][1]}" if len(run) > 1 else f"{run[0][1]}" for run in runs)

    def _number(self, night: Night) -> int:
        key = night.started, night.commit
        if key not in self._numbers:
            self._numbers[key] = len(self.told)
            self.told.append((when(night), short_commit(night.commit)))
        return self._numbers[key]

    def moved(self, then: Mapping[str, Fact], now: Mapping[str, Fact]) -> str:
        """What differs between the facts of two nights, in short; empty where nothing does."""
        if then is now:
            return ""
        # A session's checks share the facts, which live as long as their series.
        key = id(then), id(now)
        if key not in self._moved:
            self._moved[key] = self.named(told_first(differences(then, now)))
        return self._moved[key]

    def named(self, found: Sequence[Difference]) -> str:
        """The first of what differs, as one line that is not too long."""
        told = printable(named(found, _MOST_NAMED))
        short = f"{told[:_MOST_CHARACTERS]} ..."
        return told if len(told) <= len(short) else short


def when(night: Night) -> str:
    """``2026-11-25 08:00``."""
    return printable(night.started[:16].replace("T", " "))


def course(levels: Levels, page: PageNights) -> Course | None:
    """How a series went, and where its level changed; None where nothing can be drawn."""
    series = levels.series
    left_out = max(0, len(series.nights) - _NIGHTS)
    nights = series.nights[left_out:]
    low, high = _domain(nights)
    if len(nights) < 2 or not math.isfinite(high - low):
        return None
    moved = [*_moved(nights, page)]
    numbers = {(one.session, one.environment): at for at, one in enumerate(nights)}
    found = [(numbers.get((one.first.session, one.first.environment), 0), one) for one in levels.changes]
    steps = [(at, one) for at, one in found if at][-_LEVELS:]
    unit = printable(series.unit)
    drawn = _Drawn(nights, low, high, unit)
    words = (
        f"{plural(len(nights), 'night')} from {when(nights[0])} to {when(nights[-1])}: "
        f"{number(min(one.value for one in nights), unit)} to "
        f"{number(max(one.value for one in nights), unit)}, last {number(nights[-1].value, unit)}"
    )
    scale = f'data-low="{low!r}" data-high="{high!r}" data-plot="{_LEFT:g} {_RIGHT:g} {_TOP:g} {_BOTTOM:g}"'
    inner = "".join(
        [*drawn.axes(), *drawn.moved([at for at, _ in moved]), *drawn.steps([at for at, _ in steps]), *drawn.points()]
    )
    return Course(
        drawing(_WIDTH, _HEIGHT, words, inner, "wide", scale),
        page.numbers(nights),
        "\t".join(number(one.value, unit) for one in nights),
        "".join(str(_NUMBERS[one.verdict]) for one in nights),
        shlex.quote(printable(page.argument(series.test))),
        tuple((when(nights[at]), what) for at, what in moved),
        tuple(_step(levels, change, page) for _, change in steps),
        search_command(series, page.argument),
    )


def search_command(series: Series, argument: Callable[[str], str] = str) -> str:
    """The command that finds what made ``series`` regress; empty where it did not, or nobody knows between what."""
    if series.last.verdict is not Verdict.REGRESSED:
        return ""
    bad = last = series.last
    for night in reversed(series.nights):
        # Whatever it was beside the baseline of then: what was accepted is good from now on.
        accepted = bool(last.accepted) and night.session == last.accepted
        if night.accepted != last.accepted and not accepted:
            continue
        if night.verdict is Verdict.REGRESSED and not accepted:
            bad = night if short_commit(night.commit) else bad
        elif (accepted or night.verdict in _GOOD) and short_commit(night.commit):
            ends = short_commit(night.commit), short_commit(bad.commit)
            return bisection(*ends, argument(series.test)) if ends[1] and ends[0] != ends[1] else ""
    return ""


def _step(levels: Levels, change: LevelChange, page: PageNights) -> tuple[str, str, str]:
    causes = page.named(change.causes) if change.causes else ""
    told = f"the level changed by {printable(how_far(levels, change))}{f', with {causes}' if causes else ''}"
    command = "" if causes else bisect_command(page.argument(levels.series.test), change)
    return when(change.first), told, command


def _moved(nights: Sequence[Night], page: PageNights) -> Iterator[tuple[int, str]]:
    """The nights whose environment is not what it was the night before on the same machine, and what of it."""
    before: dict[str, Night] = {}
    for at, night in enumerate(nights):
        last = before.get(night.environment)
        if last is not None and (what := page.moved(last.facts, night.facts)):
            yield at, what
        before[night.environment] = night


def _band(night: Night) -> tuple[float, float] | None:
    """The ends of the band of ``night``, about what its baseline would be on the machine as it was."""
    if not night.ratio or night.allowed is None:
        return None
    middle = night.value / night.ratio
    return middle * (1 - night.allowed), middle * (1 + night.allowed)


def _whisker(night: Night) -> tuple[float, float] | None:
    """The ends of the interval of ``night``, about its value."""
    if not night.ratio or night.low is None or night.high is None or night.low == night.high:
        return None
    return night.value * night.low / night.ratio, night.value * night.high / night.ratio


def _domain(nights: Sequence[Night]) -> tuple[float, float]:
    """The values that the picture goes from and to. An interval wider than all else is cut off."""
    inner = [one.value for one in nights] + [end for night in nights for end in _band(night) or ()]
    low, high = min(inner), max(inner)
    span = high - low or abs(high) * 0.05 or 1.0
    ends = [end for night in nights for end in _whisker(night) or ()]
    low, high = max(min([low, *ends]), low - span), min(max([high, *ends]), high + span)
    margin = (high - low or 2 * span) * 0.06
    lowest = low - margin
    return (low / 2 if lowest <= 0 < low else lowest), high + margin


def _ticks(low: float, high: float, unit: str) -> list[float]:
    """Round values between both."""
    base = 1024.0 if unit == "bytes" else 10.0
    raw = (high - low) / 5
    power = base ** math.floor(math.log(raw, base)) if raw > 0 else 1.0
    step = next((power * one for one in _STEPS if power * one >= raw), raw)
    first = math.ceil(low / step)
    return [(first + at) * step for at in range(8) if (first + at) * step <= high]


class _Drawn:
    """Parts of the picture of ``nights``. All points are absolute, ``x,y``, so that a script can bend the scale."""

    def __init__(self, nights: Sequence[Night], low: float, high: float, unit: str) -> None:
        self._nights, self._unit, self._ends = nights, unit, (low, high)
        self._across, self._up = Scale(0, len(nights) - 1, _RIGHT - _LEFT), Scale(low, high, _BOTTOM - _TOP)
        self._xs = [self._x(at) for at in range(len(nights))]

    def _x(self, at: float) -> str:
        return f"{_LEFT + self._across(at):.4g}"

    def _y(self, value: float) -> str:
        return f"{_BOTTOM - self._up(value):.4g}"

    def _lines(self, css: str, found: Sequence[tuple[int, tuple[float, float]]], more: str = "") -> str:
        """A line from a value to another, upright, at each of some nights."""
        lines = "".join(f"M{self._xs[at]},{self._y(low)}L{self._xs[at]},{self._y(high)}" for at, (low, high) in found)
        return f'<path class="{css}"{more} data-y="d" d="{lines}"/>' if lines else ""

    def axes(self) -> Iterator[str]:
        ticks = _ticks(*self._ends, self._unit)
        for tick, text in zip(ticks, alike(ticks, self._unit), strict=True):
            y = self._y(tick)
            yield f'<path class="axis" data-y="d" d="M{_LEFT:g},{y}L{_RIGHT:g},{y}"/>'
            yield f'<text class="end" data-y="y" x="{_LEFT - 6:g}" y="{y}" dy="4">{escape(text)}</text>'
        last = len(self._nights) - 1
        days = {when(one)[:10] for one in self._nights}
        for at in sorted({0, last, *(last * part // 4 for part in range(4))} if last > 3 else {0, last}):
            told = when(self._nights[at])[11:] if len(days) == 1 else when(self._nights[at])[:10]
            css = "" if at == 0 else "end" if at == last else "middle"
            yield f'<text class="{css}" x="{self._x(at)}" y="{_BOTTOM + 18:g}">{escape(told)}</text>'

    def moved(self, found: Sequence[int]) -> Iterator[str]:
        for count, at in enumerate(found, start=1):
            x = self._x(at - 0.5)
            yield f'<path class="moved" d="M{x},{_TOP:g}L{x},{_BOTTOM:g}"/>'
            yield f'<text class="middle" x="{x}" y="10">{count}</text>'

    def steps(self, found: Sequence[int]) -> Iterator[str]:
        for at in found:
            x = self._x(at - 0.5)
            yield (
                f'<path class="change" d="M{x},{_TOP:g}L{x},{_BOTTOM:g}"><title>the level changed</title></path>'
                f'<path class="change full" transform="translate({x},{_BOTTOM:g})" d="M0-7l5 8h-10z"/>'
            )

    def points(self) -> Iterator[str]:
        """The band, intervals, values, and marks on what is not as it should be."""
        bands = [(at, band) for at, night in enumerate(self._nights) if (band := _band(night))]
        wide = (_RIGHT - _LEFT) / (len(self._nights) - 1)
        yield self._lines("band", bands, f' stroke-width="{wide:.4g}"')
        yield self._lines("whisker", [(at, ends) for at, night in enumerate(self._nights) if (ends := _whisker(night))])
        points = [f"{self._xs[at]},{self._y(night.value)}" for at, night in enumerate(self._nights)]
        yield f'<path class="plain line values" data-y="d" d="M{"L".join(points)}"/>'
        yield f'<path class="points" data-y="d" d="M{"h0M".join(points)}h0"/>'
        for at, night in enumerate(self._nights):
            if night.verdict in _MARKS:
                css, shape = _MARKS[night.verdict]
                place = f"translate({self._xs[at]},{self._y(night.value)})"
                yield f'<path class="{css} sign" data-y="transform" transform="{place}" d="{shape}"/>'

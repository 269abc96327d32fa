"""Small pictures as SVG, with what they show as words: intervals, dots on a line, memory over a step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from pytest_modelbench.core.printable import printable

#: Colours of Okabe and Ito, which the colour-blind tell apart; the page has lighter ones for dark screens.
COLOURS = 8


@dataclass(frozen=True, slots=True)
class Scale:
    """A range of numbers on so many pixels."""

    low: float
    high: float
    pixels: float

    def __call__(self, number: float) -> float:
        """Where ``number`` is, within the picture."""
        # Halves, since what is between two numbers may be more than a number holds.
        span = self.high / 2 - self.low / 2
        share = (number / 2 - self.low / 2) / span if span > 0 else 0.5
        return round(self.pixels * min(max(share, 0.0), 1.0), 1)


def interval(ratio: float, low: float, high: float, band: float, kind: str, words: str) -> Markup:
    """A change with its interval, as ratios, over the band that is tolerated; ``kind`` is a class of the page's."""
    widest = 1.3 * max(band, abs(low - 1), abs(high - 1), 1e-9)
    at = Scale(1 - widest, 1 + widest, 120)
    return drawing(
        120, 16, words,
        f'<rect class="band" x="{at(1 - band)}" y="1" width="{at(1 + band) - at(1 - band):.1f}" height="14"/>'
        f'<path class="zero" d="M{at(1)} 0V16"/><path class="{kind} line" d="M{at(low)} 8H{at(high)}"/>'
        f'<circle class="{kind}" cx="{at(ratio)}" cy="8" r="3.5"/>',
    )  # fmt: skip


def dots(rows: Sequence[tuple[str, Sequence[float]]], words: str, unit: str = "") -> Markup:
    """Numbers as dots, a line for each of the named ``rows``, all on one scale; its ends stand below."""
    every = [number for _, numbers in rows for number in numbers]
    margin = 0.05 * (max(every) - min(every)) or 0.01 * abs(every[0]) or 1.0
    at = Scale(min(every) - margin, max(every) + margin, 300)
    parts = []
    for line, (name, numbers) in enumerate(rows):
        y = 14 + 22 * line
        parts.append(f'<text x="0" y="{y + 4}">{escape(name)}</text><path class="axis" d="M90 {y}h300"/>')
        parts += [f'<circle class="dot" cx="{90 + at(number)}" cy="{y}" r="4"/>' for number in numbers]
    y = 14 + 22 * len(rows)
    ends = (f"{every_:.4g}{unit}" for every_ in (min(every), max(every)))
    parts.append(f'<text x="90" y="{y}">{next(ends)}</text><text class="end" x="390" y="{y}">{next(ends)}</text>')
    return drawing(400, y + 6, words, "".join(parts))


def trend(values: Sequence[float], bad: Sequence[bool], words: str) -> Markup:
    """Values one after the other as a line, dots on those that are ``bad``, and one on the last."""
    across, up = Scale(0, max(len(values) - 1, 1), 116), Scale(min(values), max(values), 14)
    points = [(across(at) + 2, round(17 - up(value), 1)) for at, value in enumerate(values)]
    line = " ".join(f"{x:g},{y:g}" for x, y in points)
    marked = [
        f'<circle class="bad" cx="{x:g}" cy="{y:g}" r="2.5"/>'
        for (x, y), fails in zip(points, bad, strict=True)
        if fails
    ]
    x, y = points[-1]
    last = f'<circle class="dot" cx="{x:g}" cy="{y:g}" r="3"/>'
    return drawing(120, 20, words, f'<polyline class="plain line" points="{line}"/>{"".join(marked)}{last}')


@dataclass(frozen=True, slots=True)
class Column:
    """A moment of a step: how much there is, of which of the colours, and what is said of it."""

    height: float
    colour: int
    title: str


def columns(moments: Sequence[Column], marked: int, phases: Iterable[tuple[str, int]], words: str) -> Markup:
    """Columns side by side, runs of one colour as one area; ``marked`` is the highest, ``phases`` begin where told."""
    width, height = 900.0, 220.0
    across, up = Scale(0, len(moments), width), Scale(0, max(one.height for one in moments), height)
    parts, first = [], 0
    for last in range(1, len(moments) + 1):
        if last < len(moments) and (moments[last].colour, moments[last].title) == (
            moments[first].colour,
            moments[first].title,
        ):
            continue
        top = "".join(f"V{height - up(moments[at].height):.1f}H{across(at + 1)}" for at in range(first, last))
        parts.append(
            f'<path class="c{moments[first].colour}" d="M{across(first)} {height}{top}V{height}Z">'
            f"<title>{escape(moments[first].title)}</title></path>"
        )
        first = last
    for name, start in phases:
        parts.append(
            f'<path class="axis" d="M{across(start)} 0V{height + 18}"/>'
            f'<text x="{across(start) + 4}" y="{height + 14}">{escape(name)}</text>'
        )
    x = across(marked + 0.5)
    parts.append(f'<path class="peak" d="M{x} 0V{height}"/><circle class="peak" cx="{x}" cy="0" r="4"/>')
    return drawing(width, height + 20, words, "".join(parts), css="wide")


def drawing(width: float, height: float, words: str, inside: str, css: str = "", more: str = "") -> Markup:
    """The picture, which says in words what it shows; of class ``wide``, as wide as there is room.

    ``inside`` and ``more``, attributes of its own, are markup that was made here.
    """
    size = f'class="{css}" viewBox="0 -6 {width:g} {height + 6:g}"' if css else f'width="{width:g}" height="{height:g}"'
    gap = " " if more else ""
    return Markup(f'<svg {size} role="img" aria-label="{escape(printable(words))}"{gap}{more}>{inside}</svg>')

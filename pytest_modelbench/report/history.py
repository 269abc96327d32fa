"""How checks went from session to session: a line each with a sparkline, or the nights of one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import pairwise

from pytest_modelbench.core.environment import differences, told_first
from pytest_modelbench.core.printable import printable
from pytest_modelbench.core.series import Night, Series
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.levels import Levels
from pytest_modelbench.report.levels import change_lines, creep_lines, how_far
from pytest_modelbench.report.scale import number, percent, plural
from pytest_modelbench.report.table import Colour, Column, Row, layout

_BARS = "▁▂▃▄▅▆▇█"
#: Nights that a sparkline shows: a month.
_SHOWN = 30
_COLOURS = {Verdict.REGRESSED: Colour.RED, Verdict.IMPROVED: Colour.GREEN, Verdict.INCONCLUSIVE: Colour.YELLOW}
_COLUMNS = (
    Column("case"), Column("metric"), Column("environment", drops=4), Column("nights", right=True, drops=5),
    Column("course"), Column("last", right=True), Column("change", right=True, coloured=True),
    Column("of the band", right=True, drops=2), Column("last step", right=True, drops=3),
    Column("baseline's age", right=True, drops=1), Column("verdict", coloured=True),
)  # fmt: skip


def sparkline(values: Sequence[float]) -> str:
    """Values as bars between the lowest and the highest of them."""
    low, high = min(values), max(values)
    if high == low:
        return _BARS[0] * len(values)
    if math.isinf(high - low):
        return sparkline([value / 2 for value in values])
    return "".join(_BARS[round((value - low) / (high - low) * (len(_BARS) - 1))] for value in values)


def render_series(found: Sequence[Levels], width: int, *, colour: bool) -> str:
    """A line for each; what fails, or comes near to the edge of its band, is on top. Then what changed, and crept."""

    def worst(one: Levels) -> tuple[object, ...]:
        series = one.series
        return -series.bad_nights, -(series.band_used or 0), series.case, series.name

    table = layout(_COLUMNS, [_row(one) for one in sorted(found, key=worst)], width, colour=colour)
    return "\n\n".join([table, *_sections(found)])


def _sections(found: Sequence[Levels]) -> Iterator[str]:
    for title, lines in (("levels that changed:", change_lines(found)), ("creeping:", creep_lines(found))):
        if lines:
            yield "\n".join([title, *(f"  {line}" for line in lines)])


def _row(levels: Levels) -> Row:
    series = levels.series
    last, used, age = series.last, series.band_used, series.age_days()
    step = levels.changes[-1] if levels.changes else None
    verdict = last.verdict.value
    if series.bad_nights > 1:
        verdict += f", for {plural(series.bad_nights, 'night')}"
    return Row(
        (
            series.case, series.name, series.folder, str(len(series.nights)),
            sparkline([one.value for one in series.nights[-_SHOWN:]]), number(last.value, series.unit),
            "-" if last.ratio is None else percent(last.ratio), "-" if used is None else f"{used:.0%}",
            f"{how_far(levels, step)} {step.first.started[:10]}" if step else "-",
            "-" if age is None else plural(age, "day"), verdict,
        ),
        _COLOURS.get(last.verdict, Colour.PLAIN),
    )  # fmt: skip


def render_nights(levels: Levels, width: int, *, colour: bool) -> str:
    """Every night of one check, the newest last, and what became of it."""
    series = levels.series
    columns = (
        Column("night"), Column("commit", drops=1), Column("value", right=True),
        Column("change", right=True, coloured=True), Column("verdict", coloured=True),
    )  # fmt: skip
    rows = [_night(one, series) for one in series.nights]
    lead = printable(f"{series.case} {series.name}, {series.folder}: {series.test}")
    shown = [one.value for one in series.nights[-max(width, 1) :]]
    parts = [f"{lead}\n{sparkline(shown)}", layout(columns, rows, width, colour=colour)]
    if lines := change_lines([levels]):
        parts.append("\n".join(["levels that changed:", *(f"  {line}" for line in lines)]))
    parts += creep_lines([levels], beyond=False)
    return "\n\n".join(parts)


def plain(levels: Levels) -> dict[str, object]:
    """All of a series for machines: of each night's environment what is another than the night before."""
    series = levels.series
    nights = [_plain_night(one) for one in series.nights]
    for night, (before, now) in zip(nights[1:], pairwise(series.nights), strict=True):
        if before.facts is not now.facts and (changed := told_first(differences(before.facts, now.facts))):
            night["changed"] = [str(one) for one in changed]
    told = {one.name: getattr(series, one.name) for one in fields(series) if one.name != "nights"}
    changes = [
        {
            "last": one.last.session,
            "first": one.first.session,
            "commits": [one.since.commit, one.until.commit],
            "ratio": one.ratio,
            "worse": one.worse,
            "changed": [str(cause) for cause in one.causes],
        }
        for one in levels.changes
    ]
    creep = levels.creep
    crept: Mapping[str, object] | None = None
    if creep:
        crept = {one.name: getattr(creep, one.name) for one in fields(creep)} | {"beyond": creep.beyond}
    return {**told, "nights": nights, "changes": changes, "creep": crept}


def _plain_night(night: Night) -> dict[str, object]:
    return {one.name: getattr(night, one.name) for one in fields(night) if one.name != "facts"}


def _night(one: Night, series: Series) -> Row:
    change = "-" if one.ratio is None else percent(one.ratio)
    cells = (one.started[:16].replace("T", " "), (one.commit or "-")[:10], number(one.value, series.unit), change)
    return Row((*cells, one.verdict.value), _COLOURS.get(one.verdict, Colour.PLAIN))

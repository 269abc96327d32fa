"""How checks went from session to session: a line each with a sparkline, or the nights of one."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_modelbench.core.series import Night, Series
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report.scale import number, percent, plural
from pytest_modelbench.report.table import Colour, Column, Row, layout

_BARS = "▁▂▃▄▅▆▇█"
#: Nights that a sparkline shows: a month.
_SHOWN = 30
_COLOURS = {Verdict.REGRESSED: Colour.RED, Verdict.IMPROVED: Colour.GREEN, Verdict.INCONCLUSIVE: Colour.YELLOW}
_COLUMNS = (
    Column("case"), Column("metric"), Column("environment", drops=3), Column("nights", right=True, drops=4),
    Column("course"), Column("last", right=True), Column("change", right=True, coloured=True),
    Column("of the band", right=True, drops=2), Column("baseline's age", right=True, drops=1),
    Column("verdict", coloured=True),
)  # fmt: skip


def sparkline(values: Sequence[float]) -> str:
    """Values as bars between the lowest and the highest of them."""
    low, high = min(values), max(values)
    if high == low:
        return _BARS[0] * len(values)
    return "".join(_BARS[round((value - low) / (high - low) * (len(_BARS) - 1))] for value in values)


def render_series(found: Sequence[Series], width: int, *, colour: bool) -> str:
    """A line for each; what fails, or comes near to the edge of its band, is on top."""
    ordered = sorted(found, key=lambda one: (-one.bad_nights, -(one.band_used or 0), one.case, one.name))
    return layout(_COLUMNS, [_row(one) for one in ordered], width, colour=colour)


def _row(series: Series) -> Row:
    last, used, age = series.last, series.band_used, series.age_days()
    verdict = last.verdict.value
    if series.bad_nights > 1:
        verdict += f", for {plural(series.bad_nights, 'night')}"
    return Row(
        (
            series.case, series.name, series.folder, str(len(series.nights)),
            sparkline([one.value for one in series.nights[-_SHOWN:]]), number(last.value, series.unit),
            "-" if last.ratio is None else percent(last.ratio), "-" if used is None else f"{used:.0%}",
            "-" if age is None else plural(age, "day"), verdict,
        ),
        _COLOURS.get(last.verdict, Colour.PLAIN),
    )  # fmt: skip


def render_nights(series: Series, width: int, *, colour: bool) -> str:
    """Every night of one check, the newest last."""
    columns = (
        Column("night"), Column("commit", drops=1), Column("value", right=True),
        Column("change", right=True, coloured=True), Column("verdict", coloured=True),
    )  # fmt: skip
    rows = [_night(one, series) for one in series.nights]
    lead = f"{series.case} {series.name}, {series.folder}: {series.test}"
    return f"{lead}\n{sparkline([one.value for one in series.nights])}\n\n{layout(columns, rows, width, colour=colour)}"


def _night(one: Night, series: Series) -> Row:
    change = "-" if one.ratio is None else percent(one.ratio)
    cells = (one.started[:16].replace("T", " "), (one.commit or "-")[:10], number(one.value, series.unit), change)
    return Row((*cells, one.verdict.value), _COLOURS.get(one.verdict, Colour.PLAIN))

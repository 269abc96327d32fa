"""Checks as rows of a page: in words, in pictures, and by what they are sorted and filtered."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pytest_modelbench.core.case import Case
from pytest_modelbench.core.printable import printable
from pytest_modelbench.core.series import Series
from pytest_modelbench.core.session import Check, Session
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.levels import Levels
from pytest_modelbench.report.page.course import Course, PageNights, course, when
from pytest_modelbench.report.page.svg import dots, interval, trend
from pytest_modelbench.report.reasons import lines as reason_lines
from pytest_modelbench.report.scale import number, percent, plural
from pytest_modelbench.report.summary import Line, Standing

#: How a standing looks, and a mark that says the same without colour.
LOOKS = {
    Standing.REGRESSED: ("bad", "✖"),
    Standing.MISSING: ("bad", "✖"),
    Standing.INCOMPARABLE: ("odd", "≠"),
    Standing.INCONCLUSIVE: ("odd", "?"),
    Standing.IMPROVED: ("good", "▲"),
    Standing.NEW: ("odd", "+"),
    Standing.UNCHANGED: ("plain", "="),
    Standing.OK: ("plain", "✓"),
}
STANDINGS = tuple(Standing)
#: Nights that a line shows: a month, as in the terminal.
_NIGHTS = 30
#: Checks with pictures of what they rest on, trouble first: what is fine among thousands is a line.
_PICTURED = 1000
#: Logs beyond are no figures of anything, and their exponentials no numbers.
_FARTHEST = 300.0

#: What a history calls a check: the folder of its baseline, its test and its name.
SeriesKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The course of the same check in another environment."""

    name: str
    picture: Markup
    last: str
    date: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Row:
    """A check. ``keys`` are the numbers that a script sorts and filters it by, in the order of `KEYS`."""

    id: str
    line: Line
    look: str
    mark: str
    test: str
    picture: Markup | str
    evidence: tuple[Markup, ...]
    reasons: tuple[str, ...]
    trend: Markup | str
    course: Course | None
    elsewhere: tuple[Elsewhere, ...]
    environment: str
    keys: str
    words: str


#: What a row is sorted or filtered by.
KEYS = ("rank", "share", "case", "metric", "model", "environment", "standing")


@dataclass(frozen=True, slots=True)
class Choices:
    """What rows can be filtered by, each in the order of its numbers."""

    metrics: tuple[str, ...]
    models: tuple[str, ...]
    environments: tuple[str, ...]


def choices(session: Session, lines: Sequence[Line]) -> Choices:
    """The metrics, models and environments of ``lines``."""
    named = {one.slug: one.name for one in session.environments}
    return Choices(
        tuple(sorted({line.metric for line in lines})),
        tuple(sorted({_model(line.check) for line in lines})),
        tuple(named.get(slug, slug) for slug in sorted({line.check.environment for line in lines})),
    )


def rows(
    session: Session,
    lines: Sequence[Line],
    history: Mapping[SeriesKey, Levels],
    page: PageNights,
) -> Iterator[Row]:
    """A row for each of ``lines``, with what ``history`` knows of it."""
    found = choices(session, lines)
    orders = [
        {name: at for at, name in enumerate(sorted({line.case for line in lines}))},
        {name: at for at, name in enumerate(found.metrics)},
        {name: at for at, name in enumerate(found.models)},
        {name: at for at, name in enumerate(sorted({line.check.environment for line in lines}))},
    ]
    environments = dict(zip(orders[3], found.environments, strict=True))
    by_check: dict[tuple[str, str], list[Series]] = {}
    for one in (levels.series for levels in history.values()):
        by_check.setdefault((one.test, one.name), []).append(one)
    for rank, line in enumerate(lines):
        check = line.check
        key = (check.folder, *check.key)
        levels = history.get(key)
        shown = rank < _PICTURED
        look, mark = LOOKS[line.standing]
        picture, share = _change(check, look)
        numbers = [
            rank, f"{share:.4g}", orders[0][line.case], orders[1][line.metric], orders[2][_model(check)],
            orders[3][check.environment], STANDINGS.index(line.standing),
        ]  # fmt: skip
        where = environments[check.environment]
        words = (line.standing.value, line.case, line.metric, check.key.test, where)
        yield Row(
            address(check), line, look, mark, check.key.test, picture,
            tuple(_evidence(check)) if shown else (), tuple(reason_lines(check.judgement.reasons)),
            _trend(levels.series) if levels else "", course(levels, page) if levels and shown else None,
            tuple(_elsewhere(by_check.get((check.key.test, check.key.name), ()), check)) if shown else (),
            where, " ".join(map(str, numbers)), printable(" ".join(words)).lower(),
        )  # fmt: skip


def address(check: Check) -> str:
    """Where a check is on its page: the same in every session."""
    key = f"{check.environment}\n{check.key.test}\n{check.key.name}"
    return "c" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _model(check: Check) -> str:
    return check.case.model if isinstance(check.case, Case) else check.case.id


def _change(check: Check, look: str) -> tuple[Markup | str, float]:
    """The change of a noisy check over its band, and how much of the band it takes; 0: nothing was compared."""
    judgement = check.judgement
    if judgement.ratio is None or not judgement.baseline:
        return "", 0.0
    band = check.metric.band.ratio(judgement.baseline)
    share = abs(judgement.ratio - 1) / band if band else math.inf if judgement.ratio != 1 else 0.0
    if not check.metric.noisy:
        return "", min(share, 1e9)
    low, high = judgement.low_ratio or judgement.ratio, judgement.high_ratio or judgement.ratio
    words = f"{percent(judgement.ratio)}, 95 % sure: {percent(low)} to {percent(high)}"
    return interval(judgement.ratio, low, high, band, look, words), min(share, 1e9)


def _trend(series: Series) -> Markup:
    nights = series.nights[-_NIGHTS:]
    lowest, highest = (number(end([one.value for one in nights]), series.unit) for end in (min, max))
    failing = f", the last {series.bad_nights} failing" if series.bad_nights else ""
    words = f"{plural(len(nights), 'night')}, {lowest} to {highest}{failing}"
    return trend([one.value for one in nights], [one.verdict is Verdict.REGRESSED for one in nights], words)


def _elsewhere(found: Sequence[Series], check: Check) -> Iterator[Elsewhere]:
    for series in found:
        if series.folder != check.folder:
            last = series.last
            told = number(last.value, series.unit)
            yield Elsewhere(series.folder, _trend(series), told, when(last)[:10], last.verdict.value)


def _evidence(check: Check) -> Iterator[Markup]:
    """Pictures of what a verdict on a noisy check rests on: processes then and now, and pairs."""
    if not check.metric.noisy:
        return
    now = [one.log_ratio for one in check.measurements]
    then = list(check.baseline.anchor) if check.baseline else []
    if now and then:
        middle = sum(then) / len(then)
        found = [("baseline", _percents(then, middle)), ("now", _percents(now, middle))]
        yield dots(found, "Processes of the baseline and of now, in percent of the baseline's mean", " %")
    if check.changes:
        yield dots([("pairs", _percents(check.changes, 0.0))], "Change in each pair of processes, in percent", " %")


def _percents(logs: Sequence[float], middle: float) -> list[float]:
    return [100 * math.expm1(min(one - middle, _FARTHEST)) for one in logs]

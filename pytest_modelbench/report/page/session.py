"""The page of a session: what came out, why, and what to do; then every check with its evidence."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.series import Series
from pytest_modelbench.core.session import Check, Outcome, Session, told_sources
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report.footnotes import footnotes
from pytest_modelbench.report.notices import notices
from pytest_modelbench.report.page.rendering import fill
from pytest_modelbench.report.page.svg import dots, interval, trend
from pytest_modelbench.report.reasons import lines as reason_lines
from pytest_modelbench.report.scale import number, percent, plural
from pytest_modelbench.report.summary import Line, Standing, Told, circumstances, lines, tally

#: How a standing looks, and a mark that says the same without colour.
_LOOKS = {
    Standing.REGRESSED: ("bad", "✖"),
    Standing.MISSING: ("bad", "✖"),
    Standing.INCOMPARABLE: ("odd", "≠"),
    Standing.INCONCLUSIVE: ("odd", "?"),
    Standing.IMPROVED: ("good", "▲"),
    Standing.NEW: ("odd", "+"),
    Standing.UNCHANGED: ("plain", "="),
    Standing.OK: ("plain", "✓"),
}
#: Nights that a line shows.
_NIGHTS = 90
_FAILED = (Outcome.FAILED, Outcome.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class _Row:
    """A check in words and pictures. ``sorts`` are the numbers that columns are sorted by."""

    id: str
    line: Line
    look: str
    mark: str
    test: str
    picture: Markup | str
    shares: float  #: of its band that the change takes; 0: nothing was compared
    evidence: tuple[Markup, ...]
    reasons: tuple[str, ...]
    rank: int
    trend: Markup | str


def render(
    session: Session, told: Told | None = None, history: Sequence[Series] = (), notes: Sequence[str] = ()
) -> str:
    """The page, a file of its own; with what is known of each check in the ``history``, and what else is to be said."""
    told = told or Told()
    series = {(one.folder, one.test, one.name): one for one in history}
    found = lines(session)
    worst = _LOOKS[found[0].standing][0] if found else "odd"
    failed = sum(one.outcome is Outcome.FAILED and not one.by_verdict for one in session.tests)
    return fill(
        "session.html",
        worst="bad" if failed else worst,
        tally=f"{plural(failed, 'test')} failed, {tally(session)}" if failed else tally(session),
        circumstances=circumstances(session),
        started=session.stamp.started[:16].replace("T", " "),
        sources=told_sources(session.stamp.commit, session.stamp.dirty),
        against=session.against,
        notices=[*notices(session, told), *told.refused],
        said=notes,
        failures=[one for one in session.tests if one.outcome in _FAILED and one.message],
        rows=[_row(line, rank, series.get((line.check.folder, *line.check.key))) for rank, line in enumerate(found)],
        has_history=bool(series),
        standings=[(how.value, _LOOKS[how][1]) for how in Standing if any(one.standing is how for one in found)],
        notes=list(footnotes(line.check for line in found)),
        environments=[(one.name, list(_facts(one))) for one in session.environments],
        tests=plural(len(session.tests), "test"),
    )  # fmt: skip


def address(check: Check) -> str:
    """Where a check is on its page: the same in every session."""
    key = f"{check.environment}\n{check.key.test}\n{check.key.name}"
    return "c" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _row(line: Line, rank: int, series: Series | None) -> _Row:
    check, judgement = line.check, line.check.judgement
    look, mark = _LOOKS[line.standing]
    share = 0.0
    picture: Markup | str = ""
    if judgement.ratio is not None and judgement.baseline:
        band = check.metric.band.ratio(judgement.baseline)
        share = abs(judgement.ratio - 1) / band if band else math.inf if judgement.ratio != 1 else 0.0
        low, high = judgement.low_ratio or judgement.ratio, judgement.high_ratio or judgement.ratio
        if check.metric.noisy:
            words = f"{percent(judgement.ratio)}, 95 % sure: {percent(low)} to {percent(high)}"
            picture = interval(judgement.ratio, low, high, band, look, words)
    return _Row(
        address(check), line, look, mark, check.key.test, picture, min(share, 1e9), tuple(_evidence(check)),
        tuple(reason_lines(judgement.reasons)), rank, "" if series is None else _trend(series),
    )  # fmt: skip


def _trend(series: Series) -> Markup:
    nights = series.nights[-_NIGHTS:]
    lowest, highest = (number(end([one.value for one in nights]), series.unit) for end in (min, max))
    failing = f", the last {series.bad_nights} failing" if series.bad_nights else ""
    words = f"{plural(len(nights), 'night')}, {lowest} to {highest}{failing}"
    return trend([one.value for one in nights], [one.verdict is Verdict.REGRESSED for one in nights], words)


def _evidence(check: Check) -> Iterator[Markup]:
    """Pictures of what a verdict on a noisy check rests on: processes then and now, and pairs."""
    if not check.metric.noisy:
        return
    now = [one.log_ratio for one in check.measurements]
    then = list(check.baseline.anchor) if check.baseline else []
    if now and then:
        middle = sum(then) / len(then)
        rows = [("baseline", _percents(then, middle)), ("now", _percents(now, middle))]
        yield dots(rows, "Processes of the baseline and of now, in percent of the baseline's mean", " %")
    if check.changes:
        yield dots([("pairs", _percents(check.changes, 0.0))], "Change in each pair of processes, in percent", " %")


def _percents(logs: Sequence[float], middle: float) -> list[float]:
    return [100 * math.expm1(one - middle) for one in logs]


def _facts(environment: Environment) -> Iterator[tuple[str, str]]:
    for name, fact in {**environment.identity, **environment.provenance}.items():
        if isinstance(fact, (str, int, float, bool)) and fact != "":
            yield name, str(fact)

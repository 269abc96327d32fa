"""The page of a session: what came out, why, and what to do; then every check with its evidence."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_modelbench.core.series import Series
from pytest_modelbench.core.session import Outcome, Session, told_sources
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.levels import levels
from pytest_modelbench.report.footnotes import footnotes
from pytest_modelbench.report.notices import notices
from pytest_modelbench.report.page.course import PageNights
from pytest_modelbench.report.page.environments import beside, facts
from pytest_modelbench.report.page.rendering import fill
from pytest_modelbench.report.page.rows import LOOKS, STANDINGS, choices, rows
from pytest_modelbench.report.page.trouble import troubles
from pytest_modelbench.report.scale import plural
from pytest_modelbench.report.summary import Told, circumstances, lines, tally

_FAILED = (Outcome.FAILED, Outcome.INCONCLUSIVE)
#: Rows that a browser lays out at once: it takes a second for some 10,000.
_AT_ONCE = 400
#: Of more models than this, a search finds one sooner than a list.
_CHOICES = 300
#: Messages of failing tests that are open.
_OPEN = 5


def render(
    session: Session,
    told: Told | None = None,
    history: Sequence[Series] = (),
    notes: Sequence[str] = (),
) -> str:
    """The page, a file of its own; with what is known of each check in the ``history``, and what else is to be said."""
    told = told or Told()
    known = {(one.series.folder, one.series.test, one.series.name): one for one in levels(history)}
    found = lines(session)
    nights = PageNights(told.here.argument)
    made = list(rows(session, found, known, nights))
    worst = LOOKS[found[0].standing][0] if found else "odd"
    failed = sum(one.outcome is Outcome.FAILED and not one.by_verdict for one in session.tests)
    trouble, more_trouble = troubles(made)
    present = {line.standing for line in found}
    return fill(
        "session.html",
        worst="bad" if failed else worst,
        tally=f"{plural(failed, 'test')} failed, {tally(session)}" if failed else tally(session),
        circumstances=circumstances(session),
        started=session.stamp.started[:16].replace("T", " "),
        sources=told_sources(session.stamp.commit, session.stamp.dirty),
        against=session.against,
        trouble=trouble,
        more_trouble=more_trouble,
        trouble_notes=list(footnotes(one.row.line.check for one in trouble)),
        notices=[*notices(session, told), *told.refused],
        said=notes,
        failures=[one for one in session.tests if one.outcome in _FAILED and one.message],
        open_failures=_OPEN,
        rows=made[:_AT_ONCE],
        rest=made[_AT_ONCE:],
        at_once=_AT_ONCE,
        has_history=bool(known),
        choices=choices(session, found),
        most_choices=_CHOICES,
        standings=[(at, one.value, LOOKS[one][1]) for at, one in enumerate(STANDINGS) if one in present],
        nights={"nights": nights.told, "verdicts": [one.value for one in Verdict]},
        notes=list(footnotes(line.check for line in found)),
        beside=beside(session, made, history),
        environments=[one.name for one in session.environments],
        facts=facts(session.environments),
        tests=plural(len(session.tests), "test"),
    )  # fmt: skip

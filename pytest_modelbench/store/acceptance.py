"""What accepting a check does to its entry, and which checks are not accepted. Pure: values in, values out."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, median, median_low
from typing import Any, Literal

from pydantic import ValidationError

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.records import CheckKey, counted, disturbance, sound
from pytest_modelbench.core.session import Check, Session, TestResult
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store.documents import first_flaw
from pytest_modelbench.store.schema import Entry

ChangeKind = Literal["new", "re-anchored", "session added", "unchanged"]

#: The spread between days is known to sqrt(1/38), about 16 %, from 20 sessions; more would only make lines longer.
MOST_SESSIONS = 20
#: Digits of noisy numbers: far below any noise, and short lines in a diff. Deterministic values are kept whole: they
#: are compared exactly.
_DIGITS = 9

_RE_ANCHORS = {Verdict.NEW, Verdict.REGRESSED, Verdict.IMPROVED, Verdict.INCOMPARABLE}


@dataclass(frozen=True, slots=True)
class Change:
    """What accepting a check did to its entry; ``old`` and ``new`` are the accepted value before and after."""

    key: CheckKey
    folder: str
    file: str  #: path as given, with its folder
    kind: ChangeKind
    old: float | None
    new: float
    unit: str


def accept_check(entry: Entry | None, check: Check, session: str) -> tuple[Entry, ChangeKind]:
    """The entry after ``check`` of ``session`` is accepted, and what that changed.

    Raises BaselineError if the check was not measured or what it measured cannot be a baseline.
    """
    fresh = _anchored(check, session)
    if entry is None:
        return fresh, "new"
    unfounded = fresh.evidence and not entry.evidence
    if check.judgement.verdict in _RE_ANCHORS or not _comparable(entry, fresh) or unfounded:
        return (entry, "unchanged") if _says_the_same(entry, fresh) else (fresh, "re-anchored")
    if entry.sessions is None or fresh.sessions is None or session in entry.sessions:
        return entry, "unchanged"
    if check.baseline is not None and check.baseline.accepted != entry.accepted:
        # Another session has moved the anchor since this one was judged: "ok" was about the old anchor, and values
        # from before the move would look like a spread between days.
        return entry, "unchanged"
    sessions = {**entry.sessions, **fresh.sessions}
    newest = sorted((name for name in sessions if name != entry.accepted), reverse=True)[: MOST_SESSIONS - 1]
    if session not in newest:
        return entry, "unchanged"
    kept = {name: sessions[name] for name in (entry.accepted, *newest)}
    return entry.model_copy(update={"sessions": kept}), "session added"


#: One process does not tell how far processes differ.
LEAST_PROCESSES = 2


def refusals(session: Session) -> dict[CheckKey, str]:
    """Why checks of ``session`` must not become a baseline, for those that must not."""
    tests = {test.test: test for test in session.tests}
    reasons = {check.key: _refusal(check, tests.get(check.key.test), session) for check in session.checks}
    return {key: reason for key, reason in reasons.items() if reason}


def _refusal(check: Check, test: TestResult | None, session: Session) -> str:
    if session.interrupted:
        return "the session was interrupted"
    if session.environment is None:
        return "the session names no environment"
    if test is None:
        return "its test did not end"
    if test.outcome not in {"passed", "inconclusive"} and not (test.outcome == "failed" and test.by_verdict):
        return f"its test ended as {test.outcome}"
    if not check.records:
        return "nothing was measured"
    if disturbed := disturbance(check.records):
        return f"the machine was disturbed while it was measured, in {disturbed}"
    if check.metric.noisy and len(sound(check.records)) < LEAST_PROCESSES:
        return "it was measured in 1 process, too few for a baseline to rest on"
    return ""


def _anchored(check: Check, session: str) -> Entry:
    """A fresh entry: the check's own value, on its own."""
    if not check.records:
        raise BaselineError(f"{check.key}: nothing was measured, so there is nothing to accept; measure it again")
    records = counted(check.records)
    values = [record.value for record in records]
    levels = [record.level for record in records if record.level is not None]
    fields: dict[str, Any] = {
        "case": check.case,
        "unit": check.metric.unit,
        "better": check.metric.better.value,
        "basis": check.records[-1].basis,
        "accepted": session,
    }
    if check.metric.noisy:
        fields |= {
            "value": _rounded(median(values)),
            "level": _rounded(fmean(levels)) if levels else None,
            "sessions": {session: {"values": [*map(_rounded, values)], "levels": [*map(_rounded, levels)]}},
        }
    else:
        value = median_low(values)
        fields["value"] = _whole(value, check.metric.unit)
        fields["evidence"] = next(record.evidence for record in check.records if record.value == value)
    try:
        return Entry.model_validate(fields)
    except ValidationError as error:
        place, what = first_flaw(error)
        raise BaselineError(
            f"{check.key}: {' > '.join(map(str, place))}: {what}; this cannot be a baseline: mend what the test records"
        ) from None


def _comparable(entry: Entry, fresh: Entry) -> bool:
    """Whether both are about the same thing; what was judged ok may meet an entry that another session wrote since."""
    return (entry.case, entry.unit, entry.better, entry.basis, entry.level is None) == (
        fresh.case, fresh.unit, fresh.better, fresh.basis, fresh.level is None,
    )  # fmt: skip


def _says_the_same(entry: Entry, fresh: Entry) -> bool:
    """Whether accepting ``fresh`` would only repeat ``entry``.

    A deterministic value that is stored already says nothing new in a later session; a noisy one must come from the
    same session, whose other sessions then stay.
    """
    if not _comparable(entry, fresh) or (entry.value, entry.evidence) != (fresh.value, fresh.evidence):
        return False
    return entry.level is None or (entry.accepted, entry.level) == (fresh.accepted, fresh.level)


def _rounded(number: float) -> float:
    return number if isinstance(number, int) else float(f"{number:.{_DIGITS}g}")


def _whole(value: float, unit: str) -> float:
    """``value`` as an integer where its unit counts things: through a results file integers come back as floats."""
    return int(value) if unit in {"count", "bytes"} and float(value).is_integer() else value

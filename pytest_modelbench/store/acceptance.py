"""What accepting a check does to its entry, and which checks are not accepted. Pure: values in, values out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median, median_low, stdev
from typing import Any

from pydantic import ValidationError

from pytest_modelbench.core.acceptance import Cause, Refusal
from pytest_modelbench.core.change import ChangeKind
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import Measurement, counted, disturbance, log_ratios, undisturbed
from pytest_modelbench.core.session import Check, Outcome, Session, TestResult
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.exact import Made, contradicting
from pytest_modelbench.judge.widened import MOST_ALLOWANCE, allowance
from pytest_modelbench.store.documents import first_flaw
from pytest_modelbench.store.lineage import joined, replacing
from pytest_modelbench.store.schema import LEAST_PROCESSES, Entry, Processes

#: Digits of noisy numbers: far below any noise, and short lines in a diff. Deterministic values are kept whole: they
#: are compared exactly.
_DIGITS = 9

_RE_ANCHORS = {Verdict.NEW, Verdict.REGRESSED, Verdict.IMPROVED, Verdict.INCOMPARABLE}


def accept_check(
    entry: Entry | None, check: Check, session: str, nights: Mapping[str, Processes] | None = None
) -> tuple[Entry, ChangeKind]:
    """The entry after ``check`` of ``session`` is accepted, and what that changed.

    Of what stays, the ``nights`` that ran its very code become sessions of it as well.
    Raises BaselineError if the check was not measured or what it measured cannot be a baseline.
    """
    fresh = _anchored(check, session)
    if entry is None:
        return fresh, ChangeKind.NEW
    unfounded = (fresh.observations and not entry.observations) or (fresh.trail and not entry.trail)
    # Of the very value, what it is the sum of now: parts have other names, or none were stored.
    retold = (fresh.breakdown or fresh.trail) and entry.value == fresh.value and not _of_the_same(entry, fresh)
    then, now = _was_disturbed(entry), _was_disturbed(fresh)
    # "ok" was about the entry that the check was judged by: another one may have been accepted since.
    moved = check.baseline is not None and check.baseline.accepted != entry.accepted
    if (
        check.judgement.verdict in _RE_ANCHORS
        or not _comparable(entry, fresh)
        or unfounded
        or retold
        or (then and not now)
        or (moved and _is_out(entry, fresh, check))
    ):
        if _says_the_same(entry, fresh):
            return entry, ChangeKind.UNCHANGED
        return replacing(fresh, entry), ChangeKind.REANCHORED
    if entry.sessions is None or fresh.sessions is None or session in entry.sessions:
        return entry, ChangeKind.UNCHANGED
    if moved or now:
        # Values from before another session moved the anchor would look like a spread between days, and so would what
        # disturbed the machine.
        return entry, ChangeKind.UNCHANGED
    more = joined(entry, {**(nights or {}), **fresh.sessions})
    if session not in (more.sessions or ()):
        return entry, ChangeKind.UNCHANGED  # older than all that is kept
    return more, ChangeKind.SESSION_ADDED


def refusals(session: Session, *, even_if_disturbed: bool = False) -> list[Refusal | None]:
    """For each check of ``session``, why it must not become a baseline; None if it may.

    ``even_if_disturbed``: what was measured while the machine was disturbed may, too, to be held by a wider band.
    """
    tests = {test.test: test for test in session.tests}
    return [_refusal(check, tests.get(check.key.test), session, even_if_disturbed) for check in session.checks]


def _refusal(check: Check, test: TestResult | None, session: Session, even_if_disturbed: bool) -> Refusal | None:
    if session.interrupted:
        return Refusal(Cause.INTERRUPTED)
    if session.environment is None:
        return Refusal(Cause.NO_ENVIRONMENT)
    if test is None:
        return Refusal(Cause.NOT_ENDED)
    by_gate = test.outcome is Outcome.FAILED and test.by_verdict
    if by_gate and session.updating:
        return Refusal(Cause.NOT_ENDED)  # no verdict fails it there: it was not measured as often as was asked for
    if test.outcome not in (Outcome.PASSED, Outcome.INCONCLUSIVE) and not by_gate:
        return Refusal(Cause.FAILED, test.outcome.value)
    return refusal_of(check, session.stamp.id, even_if_disturbed=even_if_disturbed)


def refusal_of(check: Check, session: str, *, even_if_disturbed: bool = False) -> Refusal | None:
    """Why ``check`` must not become a baseline for what was measured of it, however its test ended; None if it may."""
    if not check.measurements:
        return Refusal(Cause.NOT_MEASURED)
    if not all(map(str.strip, check.key)):
        return Refusal(Cause.UNFIT, "its test or the check itself has no name")
    if refusal := _upset(check, even_if_disturbed):
        return refusal
    if not check.metric.noisy and (apart := _contradiction(check)):
        return Refusal(Cause.CONTRADICTED, apart)
    try:
        Entry.model_validate(_fields(check, session))
    except ValidationError as error:
        return Refusal(Cause.UNFIT, _flaw(error))
    return None


def _upset(check: Check, even_if_disturbed: bool) -> Refusal | None:
    """Why a disturbed machine keeps ``check`` from becoming a baseline; None if it was not, or may have been."""
    measurements = check.measurements
    if even_if_disturbed and check.metric.noisy and len(measurements) >= LEAST_PROCESSES:
        if not _disturbed(measurements):
            return None
        spread = stdev(log_ratios(measurements))
        if allowance(log_ratios(measurements)) <= MOST_ALLOWANCE:
            return None
        return Refusal(Cause.TOO_FAR_APART, f"{len(measurements)} processes spread by {spread:.1%}")
    if found := disturbance(measurements):
        return Refusal(Cause.DISTURBED, f"in {found.processes} of {found.of} processes; {found.cause}")
    if check.metric.noisy and (count := len(undisturbed(measurements))) < LEAST_PROCESSES:
        return Refusal(Cause.TOO_FEW, f"in {count}")
    return None


def _disturbed(measurements: Sequence[Measurement]) -> int:
    """How many processes of a noisy check were, where too few were left alone for a baseline on them; else 0."""
    calm = len(undisturbed(measurements))
    return len(measurements) - calm if disturbance(measurements) or calm < LEAST_PROCESSES else 0


def _contradiction(check: Check) -> str:
    """Two values that should be one; an empty string if all processes agree as a gate would ask of them."""
    chosen = _typical(check.measurements)
    other = contradicting(check.measurements, chosen.value, Made(chosen.observations, chosen.breakdown))
    if other is None:
        return ""
    if other.value == chosen.value:
        return f"{check.metric.name} {chosen.value:g} {check.metric.unit} of different numbers"
    return f"{check.metric.name} {chosen.value:g} and {other.value:g} {check.metric.unit}"


def _typical(measurements: Sequence[Measurement]) -> Measurement:
    """The measurement that an entry of a deterministic check holds: of the values, the one in the middle."""
    value = median_low(one.value for one in measurements)
    return next(one for one in measurements if one.value == value)


def _anchored(check: Check, session: str) -> Entry:
    """A fresh entry: the check's own value, on its own."""
    if not check.measurements:
        raise BaselineError(f"{check.key}: nothing was measured, so there is nothing to accept; measure it again")
    try:
        return Entry.model_validate(_fields(check, session))
    except ValidationError as error:
        raise BaselineError(
            f"{check.key}: {_flaw(error)}; this cannot be a baseline: mend what the test records"
        ) from None


def _flaw(error: ValidationError) -> str:
    place, what = first_flaw(error)
    return f"{' > '.join(map(str, place))}: {what}"


def _fields(check: Check, session: str) -> dict[str, Any]:
    """What an entry of the check's own value alone would hold, not validated."""
    disturbed = _disturbed(check.measurements) if check.metric.noisy else 0
    # All of them tell how far they spread, which is what such a baseline is held by.
    measurements = check.measurements if disturbed else counted(check.measurements)
    values = [one.value for one in measurements]
    made = check.measurements[-1].comparability
    fields: dict[str, Any] = {
        "case": check.case.id,
        "unit": check.metric.unit,
        "better": check.metric.better.value,
        "data": made.data,
        "recipe": made.recipe,
        "reference": made.reference,
        "accepted": session,
    }
    if check.metric.noisy:
        fields |= {"value": _rounded(median(values)), "sessions": {session: processes_of(measurements, disturbed)}}
    else:
        typical = _typical(measurements)
        fields["value"] = _whole(typical.value, check.metric.unit)
        fields["observations"] = typical.observations.text() if typical.observations else ""
        fields["breakdown"] = typical.breakdown.text() if typical.breakdown else ""
        fields["trail"] = typical.trail.text() if typical.trail else ""
    return fields


def processes_of(measurements: Sequence[Measurement], disturbed: int = 0) -> dict[str, Any]:
    """What is kept of a noisy check's processes, of which so many were ``disturbed``: `schema.Processes`."""
    values = [one.value for one in measurements]
    reference_s = [one.timing.reference_s for one in measurements if one.timing and one.timing.reference_s]
    return {
        "values": [*map(_rounded, values)],
        "log_ratios": [*map(_rounded, log_ratios(measurements))],
        "reference_s": [*map(_rounded, reference_s)] if len(reference_s) == len(values) else [],
        "disturbed": disturbed,
    }


def _was_disturbed(entry: Entry) -> bool:
    """Whether the machine was disturbed in the session that an entry rests on."""
    return bool(entry.sessions and entry.sessions[entry.accepted].disturbed)


def _comparable(entry: Entry, fresh: Entry) -> bool:
    """Whether both are about the same thing; what was judged ok may meet an entry that another session wrote since."""
    alike = (entry.case, entry.unit, entry.better, entry.noisy) == (fresh.case, fresh.unit, fresh.better, fresh.noisy)
    return alike and entry.comparability.matches(fresh.comparability)


def _is_out(entry: Entry, fresh: Entry, check: Check) -> bool:
    """Whether ``fresh``, of ``check``, is farther from ``entry``, which is comparable, than is tolerated."""
    if entry.sessions is None or fresh.sessions is None:
        return contradicting(check.measurements, entry.value, Made(entry.observed(), entry.broken_down())) is not None
    then, now = (one.sessions[one.accepted].log_ratios for one in (entry, fresh) if one.sessions)
    ratio = math.exp(median(now) - median(then)) if then and now else fresh.value / entry.value
    return abs(ratio - 1) > check.metric.band.ratio(entry.value)


def _of_the_same(entry: Entry, fresh: Entry) -> bool:
    """Whether two deterministic values come from the same parts of a model: as their sum, or by their way."""
    then, now = entry.trailed(), fresh.trailed()
    return entry.broken_down() == fresh.broken_down() and (then and then.parts) == (now and now.parts)


def _says_the_same(entry: Entry, fresh: Entry) -> bool:
    """Whether accepting ``fresh`` would only repeat ``entry``.

    A deterministic value that is stored already says nothing new in a later session; a noisy one must come from the
    same session, whose other sessions then stay.
    """
    if not _comparable(entry, fresh) or (entry.value, entry.observations) != (fresh.value, fresh.observations):
        return False
    if entry.sessions is None or fresh.sessions is None:
        return _of_the_same(entry, fresh)
    return entry.accepted == fresh.accepted and entry.sessions[entry.accepted] == fresh.sessions[fresh.accepted]


def _rounded(number: float) -> float:
    return number if isinstance(number, int) else float(f"{number:.{_DIGITS}g}")


def _whole(value: float, unit: str) -> float:
    """``value`` as an integer where its unit counts things: through a results file integers come back as floats."""
    return int(value) if unit in {"count", "bytes"} and float(value).is_integer() else value

"""What an A/A trial of somebody's own tests finds, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_modelbench.doctor.advice import percent
from pytest_modelbench.doctor.findings import Finding, Severity
from pytest_modelbench.doctor.own import OwnCheck, OwnTrial
from pytest_modelbench.doctor.trust import BANDS, FEWEST, TRUSTED
from pytest_modelbench.report.scale import plural


def own_findings(trial: OwnTrial) -> tuple[Finding, ...]:
    """Findings, problems first."""
    found = [
        Finding("tests", Severity.PROBLEM, f"cannot be measured: {tests}", why)
        for tests, why in _grouped(trial.failures)
    ]
    for test, name in trial.vary:
        why = "It is compared exactly, so unchanged code fails: seed what draws, or record it with noisy=True."
        found.append(Finding("exact", Severity.PROBLEM, f"{test} {name} differs from process to process", why))
    found += [Finding("tests", Severity.ADVICE, f"skipped: {tests}", why) for tests, why in _grouped(trial.skipped)]
    found += _of_noise(trial)
    if trial.exact and not trial.vary:
        what = f"{plural(trial.exact, 'check')} {'does' if trial.exact == 1 else 'do'} not vary, in two processes"
        found.append(Finding("exact", Severity.FINE, what))
    return tuple(found)


def _grouped(told: Mapping[str, str]) -> list[tuple[str, str]]:
    """Tests with one and the same reason, together."""
    by_reason: dict[str, list[str]] = {}
    for test, why in told.items():
        by_reason.setdefault(why, []).append(test)
    return [
        (tests[0] + (f" (and {len(tests) - 1} more)" if tests[1:] else ""), why) for why, tests in by_reason.items()
    ]


def _of_noise(trial: OwnTrial) -> list[Finding]:
    known = [one for one in trial.checks if one.drawn is not None]
    found = []
    if few := len(trial.checks) - len(known):
        what = f"{plural(few, 'check')} got through fewer than {FEWEST} pairs, too few to tell how much they vary"
        found.append(Finding("pairs", Severity.ADVICE, what, mend="pytest-modelbench doctor --minutes N TESTS"))
    if trial.alarms:
        what = f"{plural(trial.alarms, 'check')} came out regressed, compared with the very same code"
        why = "Chance may do that in one of twenty sessions. Run this again, and look for what disturbs the machine."
        found.append(Finding("alarms", Severity.ADVICE, what, why))
    noisy = [one for one in known if one.drawn and one.drawn.ok < TRUSTED]
    if noisy:
        what = f"{len(noisy)} of {plural(len(known), 'check')} will often be inconclusive though the code is unchanged"
        why = "Give them a wider band, or more pairs (--modelbench-pairs):"
        found.append(Finding("noise", Severity.ADVICE, what, why, "\n".join(_roomier(noisy))))
    elif known:
        what = f"unchanged code is called ok in {percent(TRUSTED)} of sessions or more ({plural(len(known), 'check')})"
        found.append(Finding("noise", Severity.FINE, what))
    return found


def _roomier(checks: Sequence[OwnCheck]) -> list[str]:
    told = []
    for one in checks:
        band = one.drawn.trusted_band if one.drawn else None
        room = f'band="{percent(band)}"' if band is not None else f"no band up to {percent(BANDS[-1])} would do"
        told.append(f"{one.test} {one.name}: {room}")
    return told

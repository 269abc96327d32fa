"""The stored comparison: verdicts on what varies from process to process, against the accepted session's processes.

It asks, at looks that were fixed before: is the change surely within the band (ok), or surely more than half of it
(regressed)? Where it cannot clear a check, and the baseline's own code is at hand, a duet decides: `judge.paired`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from pytest_modelbench.core.environment import BESIDE_GIT
from pytest_modelbench.core.measurement import Measurement, counted, disturbance, log_ratios, surely_disturbed
from pytest_modelbench.core.reasons import (
    AssumedSpread,
    BetweenLooks,
    Cleared,
    Disturbed,
    Drifted,
    EnvironmentMoved,
    MachineMoved,
    NoPairs,
    Reason,
    SameCode,
    Since,
)
from pytest_modelbench.core.verdicts import BaselineView, Verdict
from pytest_modelbench.judge.comparison import (
    MOST_DRIFT,
    QUIET_DAYS,
    RESTLESS_DAYS,
    Comparison,
    between_processes,
    compare,
)
from pytest_modelbench.judge.estimate import Edges, Estimate, repetitions_needed, spent
from pytest_modelbench.judge.procedure import ALPHA, Compared, Procedure
from pytest_modelbench.judge.ruling import NoisyChange, Outlook, Ruling, bounded_ratio, sure_verdict, why_open
from pytest_modelbench.judge.spread import Spread, pooled
from pytest_modelbench.judge.state import Event
from pytest_modelbench.judge.widened import edges_to_stored

#: What the stored comparison spends of the error rate of "ok" where a duet can follow, which has the rest. More of it
#: would save little, and let more through where days differ by more than is believed (`tests/trials/session_cost.py`).
STORED_SHARE = 0.25
#: What is this far off, in log, has changed more likely than its day: it is no measure of days.
SURELY_CHANGED = math.log(1.15)


def judge_stored(compared: Compared, procedure: Procedure) -> Ruling:
    """The ruling against the stored baseline: first whether it is within the band, then whether it is a regression.

    Fails on the stored baseline alone are judged at ``ALPHA`` shared by all checks of the session, and only beyond half
    the band's width, so that a change of exactly the band can be decided at all; with ``procedure.confirmed`` they are
    left to the duet, else to the last look: earlier ones may have fallen into one bad spell of the machine.
    """
    metric, baseline, n = compared.metric, compared.stored, len(compared.measurements)
    comparison, drift = compared_with_stored(
        compared, pooled([RESTLESS_DAYS if procedure.confirmed else QUIET_DAYS, compared.days])
    )
    edges = edges_to_stored(metric.band, baseline, compared.measurements)
    told = NoisyChange(metric, compared.value, baseline.value, comparison.change, n)
    # The first pairs of a duet tell more than further processes, and cost no more (tests/trials/session_cost.py).
    looks = procedure.looks[:1] if procedure.confirmed else procedure.looks
    # Where most of the last look's processes would be disturbed whatever comes, no more are waited for.
    in_vain = not baseline.disturbed and surely_disturbed(compared.measurements, looks[-1])
    last = n >= looks[-1] or in_vain
    alone = [NoPairs(procedure.unconfirmed)] if procedure.unconfirmed else []
    if not last and n not in looks:
        # Between looks nothing is decided: each look spends a part of the error rate.
        in_vain = procedure.confirmed and _cannot_clear(compared, looks[0], edges)
        return told.open(Event.ESCALATED if in_vain else Event.UNDECIDED, BetweenLooks(n, looks[-1]))
    # After the last look only a duet can tell more, if one is to come.
    left_open = (Event.ESCALATED if procedure.confirmed else Event.DECIDED) if last else Event.UNDECIDED
    if obstacle := untrustworthy(compared.measurements, drift, baseline):
        return told.open(left_open, obstacle, *alone)
    ok_rate = ALPHA * STORED_SHARE if procedure.confirmed else ALPHA
    ok_alpha, alpha = spent(ok_rate, looks, n), ALPHA / max(1, procedure.checks)
    verdict = sure_verdict(told.slowdown, metric.better, edges, ok_alpha, alpha)
    if verdict is None and procedure.same_code:
        surely = replace(told, change=compared_with_stored(compared)[0].change)
        if sure_verdict(surely.slowdown, metric.better, edges, ok_alpha, alpha) is Verdict.REGRESSED:
            told, verdict = surely, Verdict.REGRESSED
    if verdict is None or (verdict is Verdict.REGRESSED and procedure.confirmed):

        def after(processes: int) -> Estimate:
            return told.as_slowdown(comparison.after(processes))

        needed = repetitions_needed(after, edges, alpha, ok_alpha)
        reasons: list[Reason] = [why_open(told.slowdown, edges, ok_alpha), *_assumed(baseline), *alone]
        return told.open(left_open, *reasons, outlook=Outlook.after(n, needed, told.slowdown, edges, alpha))
    if verdict is Verdict.REGRESSED:
        event = Event.DECIDED if last else Event.UNDECIDED
        if procedure.same_code:
            return by_no_change_of_code(told, compared, SameCode(), event)
        return told.said(verdict, *since_baseline(compared), *alone, event=event)
    return told.said(verdict)


def _cannot_clear(compared: Compared, processes: int, edges: Edges) -> bool:
    """Whether processes differ too much for so many of them to clear any check, wherever they lie."""
    baseline = compared.stored
    within = between_processes([log_ratios(counted(compared.measurements)), baseline.anchor, *baseline.sessions])
    se = math.sqrt(within.variance * (1 / processes + 1 / len(baseline.anchor)))
    return Estimate(0.0, se, within.dof).upper(ALPHA * STORED_SHARE) >= edges.fail_above


def compared_with_stored(compared: Compared, days: Spread | None = None) -> tuple[Comparison, float]:
    """The comparison with what is stored, and how much slower, in log, the machine was than then (0 if unknown).

    ``days``: how far days differ; by default as quiet as nights and stored sessions do not contradict: where versions
    and the machine are in question, what the other checks do tonight is no measure of days, but may be what is looked
    for.
    """
    measurements, baseline = compared.measurements, compared.stored
    drift = machine_drift(measurements, baseline) or 0.0
    now = log_ratios(counted(measurements))
    days = pooled([QUIET_DAYS, compared.days_before]) if days is None else days
    return compare(now, baseline.anchor, baseline.sessions, drift, days), drift


def days_apart(compared: Compared) -> Spread | None:
    """How far days differ by one noisy check: tonight's from that of its baseline, whose two days add up.

    None where the machine or the code is more likely to be what differs.
    """
    measurements, baseline = compared.measurements, compared.stored
    comparison, drift = compared_with_stored(compared)
    apart, processes = comparison.change.theta, len(counted(measurements))
    if abs(apart) >= SURELY_CHANGED or untrustworthy(measurements, drift, baseline):
        return None
    explained = comparison.process_sd**2 * (1 / processes + 1 / len(baseline.anchor))
    # Satterthwaite's: what processes explain all of tells nothing of days.
    of_days = 2 * RESTLESS_DAYS.variance
    return Spread((apart**2 - explained) / 2, (of_days / (of_days + explained)) ** 2)


def machine_drift(measurements: Sequence[Measurement], baseline: BaselineView) -> float | None:
    """How much slower, in log, the reference workload ran than at the baseline; None if either did not time it."""
    now = reference_log_s(counted(measurements))
    return None if now is None or baseline.reference_log_s is None else now - baseline.reference_log_s


def reference_log_s(measurements: Sequence[Measurement]) -> float | None:
    """Mean log seconds of the reference workload; None if it was not timed."""
    timed = [one.timing.reference_s for one in measurements if one.timing and one.timing.reference_s]
    return fmean(map(math.log, timed)) if timed else None


def untrustworthy(
    measurements: Sequence[Measurement], drift: float, baseline: BaselineView
) -> Disturbed | Drifted | None:
    """Why what was measured cannot be held against ``baseline``; None if it can.

    One that is disturbed itself allows for that by its edges.
    """
    if (found := disturbance(measurements)) and not baseline.disturbed:
        return Disturbed(found.processes, found.of, found.cause)
    return Drifted(drift) if abs(drift) > MOST_DRIFT else None


def by_no_change_of_code(told: NoisyChange, compared: Compared, code: SameCode | Cleared, event: Event) -> Ruling:
    """The ruling on a slowdown that the code is not to blame for: versions are, if they moved, or the machine.

    Files that no commit tells of may be what a run has left behind: they do not fail it, and are named.
    """
    if moved := tuple(one for one in compared.suspects if one.name != BESIDE_GIT):
        return told.said(Verdict.REGRESSED, EnvironmentMoved(code, moved), event=event)
    found = MachineMoved(code, bounded_ratio(told.change.theta), files=bool(compared.suspects))
    return told.open(event, found, *since_baseline(compared))


def since_baseline(compared: Compared, *, alike: bool = False) -> list[Since]:
    """What differs since the baseline was recorded, if anything does; ``alike``: on both sides of a duet."""
    moved = compared.moved
    return [Since(moved, alike)] if moved else []


def _assumed(baseline: BaselineView) -> list[AssumedSpread]:
    """What a baseline does not tell about its own spread, which is then assumed."""
    return [] if baseline.sessions else [AssumedSpread(one_process=len(baseline.anchor) < 2)]

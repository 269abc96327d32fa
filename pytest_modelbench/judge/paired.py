"""Verdicts by duet: base and candidate measured side by side, group-sequential, by one-sided t bounds at fixed looks.

The design follows duet benchmarking (Bulej et al., "Duet Benchmarking: Improving Measurement Accuracy in the Cloud",
ICPE 2020), which runs both in parallel; here they take turns, one of them running at a time.
"""

from __future__ import annotations

import math
from dataclasses import replace

from pytest_modelbench.core.reasons import Beside, Cleared, MeasuredAgain, PairsSoFar, UnknownWhetherAway
from pytest_modelbench.core.verdicts import Judgement, Verdict
from pytest_modelbench.judge.estimate import Edges, paired, repeated, repetitions_needed, spent
from pytest_modelbench.judge.procedure import ALPHA, Compared, Duet, Procedure, typical
from pytest_modelbench.judge.ruling import NoisyChange, Outlook, Ruling, sure_verdict, why_open
from pytest_modelbench.judge.state import Event
from pytest_modelbench.judge.stored import (
    STORED_SHARE,
    by_no_change_of_code,
    compared_with_stored,
    since_baseline,
    untrustworthy,
)
from pytest_modelbench.judge.unchanged import machine_moved, only_code_may_differ
from pytest_modelbench.judge.widened import edges_to_stored

#: Processes after a duet that tell whether code that it clears stays away from what is stored: those before it stood
#: out, which is why there was a duet, and may all have run in one bad spell of the machine.
AFRESH = 4


def judge_pairs(compared: Compared, procedure: Procedure, duet: Duet) -> Ruling:
    """The ruling by duet.

    The error rate of "regressed" is ``ALPHA``, shared by the checks that a duet confirms and by the looks, that of "ok"
    what the stored comparison has left of it. A check that the duet clears passes where nothing but the code may
    differ. Else one that is beyond its band against what is stored, or may be where versions moved, is measured in
    `AFRESH` further processes; if it stays there, it was moved by the environment, or by the machine.
    """
    metric, baseline, n = compared.metric, compared.stored, len(duet.changes)
    edges = Edges.of_band(metric.band.ratio(baseline.value))
    last = duet.pairs >= duet.looks[-1]
    processes = len(compared.measurements)
    seen = PairsSoFar(duet.base, n, duet.looks[-1], duet.disturbed)
    if n < 2:
        judgement = Judgement(
            Verdict.INCONCLUSIVE, compared.value, baseline.value, reasons=(seen,), processes=processes, pairs=n
        )
        return Ruling(Event.DECIDED if last else Event.UNDECIDED, judgement)
    estimate = paired(duet.changes, duet.expected)
    told = NoisyChange(metric, compared.value, baseline.value, estimate, processes, n)
    if not last and duet.pairs not in duet.looks:
        return told.open(Event.UNDECIDED, seen)
    alpha = spent(ALPHA / max(1, duet.checks), duet.looks, duet.pairs)
    ok_alpha = spent(ALPHA * (1 - STORED_SHARE) if duet.stored else ALPHA, duet.looks, duet.pairs)
    verdict = sure_verdict(told.slowdown, metric.better, edges, ok_alpha, alpha)
    beside = Beside(duet.base, n, duet.disturbed)
    if verdict is None:
        theta, sd, more_dof = told.slowdown.theta, estimate.se * math.sqrt(n), duet.expected.dof
        needed = repetitions_needed(lambda pairs: repeated(theta, sd, pairs, more_dof), edges, alpha, ok_alpha)
        return told.open(
            Event.DECIDED if last else Event.UNDECIDED,
            replace(beside, open_=why_open(told.slowdown, edges, ok_alpha)),
            outlook=Outlook.after(n, needed, told.slowdown, edges, alpha),
        )
    if verdict in (Verdict.OK, Verdict.IMPROVED) and duet.stored:
        return _beside_stored(verdict, told, compared, procedure, duet)
    # Of a stored baseline, the duet's base ran on what is installed today: that is told, and is not to blame.
    since = since_baseline(compared, alike=duet.stored) if verdict is Verdict.REGRESSED else []
    return told.said(verdict, beside, *since)


def _beside_stored(cleared: Verdict, told: NoisyChange, compared: Compared, procedure: Procedure, duet: Duet) -> Ruling:
    """The ruling on a check whose code a ``duet`` cleared: that, unless it stays away from what is stored.

    Where nothing but the code may differ, that can only be the machine, and is no matter of the verdict. What makes it
    stand out before the duet may be a bad spell of the machine; processes after it tell, on their own.
    """
    beside = Beside(duet.base, told.pairs, duet.disturbed)
    code = Cleared(beside, faster=cleared is not Verdict.OK)
    if only_code_may_differ(compared):
        return told.said(cleared, machine_moved(compared, procedure, code) or beside)
    measurements, baseline = compared.measurements, compared.stored
    afresh, wanted = measurements[duet.before :], min(AFRESH, procedure.looks[-1])
    enough = len(afresh) >= wanted
    if enough:
        measurements = afresh
        told = replace(told, value=typical(afresh), afresh=len(afresh))
    compared = replace(compared, measurements=measurements)
    comparison, drift = compared_with_stored(compared)
    stored = replace(told, change=comparison.change)
    edges = edges_to_stored(told.metric.band, baseline, measurements)
    alpha = ALPHA / max(1, procedure.checks)
    away = sure_verdict(stored.slowdown, told.metric.better, edges, ALPHA, alpha) is Verdict.REGRESSED
    # A few processes that spread clear nothing, and what the duet clears is the code alone.
    unclear = bool(compared.suspects) and stored.slowdown.upper(ALPHA) >= edges.fail_above
    if not (away or unclear or afresh):
        return told.said(cleared, beside)
    if not enough:
        return stored.open(Event.AWAY, MeasuredAgain(code, len(afresh), wanted))
    unknown = UnknownWhetherAway(code)
    if obstacle := untrustworthy(measurements, drift, baseline):
        return stored.open(Event.DECIDED, unknown, obstacle)
    if away:
        return by_no_change_of_code(stored, compared, code, Event.DECIDED)
    if unclear:
        open_ = why_open(stored.slowdown, edges, ALPHA)
        return stored.open(Event.DECIDED, unknown, open_, *since_baseline(compared))
    return told.said(cleared, beside)

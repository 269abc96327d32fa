"""What cannot have regressed: code, versions, settings and environment are the very ones of the baseline.

Its time tells how the machine is, and nothing else.
"""

from __future__ import annotations

from pytest_modelbench.core.environment import nothing_differs
from pytest_modelbench.core.reasons import BetweenLooks, MachineMoved, Reason, SameCode
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.procedure import ALPHA, Compared, Procedure
from pytest_modelbench.judge.ruling import NoisyChange, Ruling
from pytest_modelbench.judge.state import Event
from pytest_modelbench.judge.stored import compared_with_stored
from pytest_modelbench.judge.widened import edges_to_stored


def is_unchanged(compared: Compared, procedure: Procedure) -> bool:
    """Whether nothing differs from when the baseline was recorded, as far as everything is known."""
    return procedure.same_code and nothing_differs(compared.stored.provenance or {}, compared.provenance)


def judge_unchanged(compared: Compared, procedure: Procedure) -> Ruling:
    """The ruling after the first look, whatever the noise: it is unchanged, and where its time is surely another one,
    slower or faster by more than half the band, the machine moved.
    """
    metric, baseline, n = compared.metric, compared.stored, len(compared.measurements)
    comparison, _ = compared_with_stored(compared)
    told = NoisyChange(metric, compared.value, baseline.value, comparison.change, n)
    if n < procedure.looks[0]:
        # Whatever comes, it will be that; only whether the machine moved is open.
        return told.said(Verdict.UNCHANGED, BetweenLooks(n, procedure.looks[0]), event=Event.UNDECIDED)
    alpha = ALPHA / max(1, procedure.checks)
    edge = edges_to_stored(metric.band, baseline, compared.measurements).ignore_below
    away = comparison.change.lower(alpha) > edge or comparison.change.upper(alpha) < -edge
    reason: Reason = MachineMoved(SameCode(), compared.away_before) if away else SameCode()
    return told.said(Verdict.UNCHANGED, reason)

"""What only the machine can have moved: versions, settings and environment are the very ones of the baseline.

If the code is, too, nothing can have regressed: its time tells how the machine is, and nothing else.
"""

from __future__ import annotations

from pytest_modelbench.core.environment import nothing_differs
from pytest_modelbench.core.reasons import BetweenLooks, Cleared, MachineMoved, SameCode
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.procedure import ALPHA, Compared, Procedure
from pytest_modelbench.judge.ruling import NoisyChange, Ruling, bounded_ratio
from pytest_modelbench.judge.state import Event
from pytest_modelbench.judge.stored import compared_with_stored
from pytest_modelbench.judge.widened import edges_to_stored


def only_code_may_differ(compared: Compared) -> bool:
    """Whether nothing but the code differs from when the baseline was recorded, as far as everything is known."""
    return nothing_differs(compared.stored.provenance or {}, compared.provenance)


def is_unchanged(compared: Compared, procedure: Procedure) -> bool:
    """Whether nothing differs from when the baseline was recorded, as far as everything is known."""
    return procedure.same_code and only_code_may_differ(compared)


def judge_unchanged(compared: Compared, procedure: Procedure) -> Ruling:
    """The ruling after the first look, whatever the noise: it is unchanged, and the machine may have moved."""
    baseline, n = compared.stored, len(compared.measurements)
    change = compared_with_stored(compared)[0].change
    told = NoisyChange(compared.metric, compared.value, baseline.value, change, n)
    if n < procedure.looks[0]:
        # Whatever comes, it will be that; only whether the machine moved is open.
        return told.said(Verdict.UNCHANGED, BetweenLooks(n, procedure.looks[0]), event=Event.UNDECIDED)
    return told.said(Verdict.UNCHANGED, machine_moved(compared, procedure, SameCode()) or SameCode())


def machine_moved(compared: Compared, procedure: Procedure, code: SameCode | Cleared) -> MachineMoved | None:
    """That the time of code that is not to blame is surely another one, by more than half the band; None if it is not.

    Slower or faster: only the machine is left to explain it.
    """
    change = compared_with_stored(compared)[0].change
    alpha = ALPHA / max(1, procedure.checks)
    edge = edges_to_stored(compared.metric.band, compared.stored, compared.measurements).ignore_below
    if -edge <= change.upper(alpha) and change.lower(alpha) <= edge:
        return None
    before = compared.away_before if isinstance(code, SameCode) else 0
    return MachineMoved(code, bounded_ratio(change.theta), before)

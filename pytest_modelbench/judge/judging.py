"""From measurements and a baseline to a ruling. Pure: values in, a judgement out, and what it means."""

from __future__ import annotations

from pytest_modelbench.core.environment import differences
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.core.metrics import Scope
from pytest_modelbench.core.reasons import OtherEnvironment, OtherKey, Reason, UnknownEnvironment
from pytest_modelbench.core.recipes import same_recipe
from pytest_modelbench.core.verdicts import BaselineView, Judgement, Verdict
from pytest_modelbench.judge.exact import judge_exact
from pytest_modelbench.judge.paired import judge_pairs
from pytest_modelbench.judge.procedure import Compared, Duet, Procedure
from pytest_modelbench.judge.ruling import Ruling
from pytest_modelbench.judge.state import Event
from pytest_modelbench.judge.stored import judge_stored
from pytest_modelbench.judge.unchanged import is_unchanged, judge_unchanged
from pytest_modelbench.judge.widened import disturbed_baseline


def judge(compared: Compared, procedure: Procedure, duet: Duet | None = None) -> Ruling:
    """The ruling on one check from all its processes so far, and from its ``duet`` once there is one."""
    if len({one.key for one in compared.measurements}) != 1:
        raise ValueError("measurements of several checks, or of none, cannot be judged together")
    n, noisy = len(compared.measurements), compared.metric.noisy
    seen = Event.DECIDED if n >= (procedure.looks[0] if noisy else procedure.exact) else Event.UNDECIDED
    if compared.baseline is None:
        return Ruling(seen, Judgement(Verdict.NEW, compared.value, processes=n))
    if obstacle := obstacle_to_comparison(compared):
        judgement = Judgement(
            Verdict.INCOMPARABLE, compared.value, compared.baseline.value, reasons=(obstacle,), processes=n
        )
        return Ruling(Event.DECIDED if noisy else seen, judgement)
    if not noisy:
        return Ruling(seen, judge_exact(compared))
    if duet is None and is_unchanged(compared, procedure):
        return judge_unchanged(compared, procedure)
    if duet is not None and not duet.stored:
        return judge_pairs(compared, procedure, duet)
    ruling = judge_stored(compared, procedure) if duet is None else judge_pairs(compared, procedure, duet)
    if not compared.baseline.disturbed:
        return ruling
    told = disturbed_baseline(compared.metric.band, compared.baseline, compared.measurements)
    return Ruling(ruling.event, ruling.judgement.noted(told))


def obstacle_to_comparison(compared: Compared) -> Reason | None:
    """Why the two sides cannot be compared; None if they can. One process is enough, also an earlier one."""
    for one in compared.measurements:
        if other := _other_key(one, compared.stored):
            return other
    if compared.metric.scope is not Scope.DEVICE:
        return None
    if compared.stored.identity is None:
        return UnknownEnvironment()
    moved = differences(compared.stored.identity, compared.identity)
    return OtherEnvironment(moved) if moved else None


def _other_key(one: Measurement, stored: BaselineView) -> OtherKey | None:
    """What of ``one`` is another one than stored; None if nothing is."""
    kinds, then_made, now_made = {True: "noisy", False: "deterministic"}, stored.comparability, one.comparability
    pairs = {
        "case": (stored.case, one.case.id),
        "kind of measurement": (kinds[bool(stored.anchor)], kinds[one.metric.noisy]),
        "unit": (stored.unit, one.metric.unit),
        "direction": (stored.better.value, one.metric.better.value),
        "data": (then_made.data, now_made.data),
        "recipe": (then_made.recipe, now_made.recipe),
        "reference workload": (then_made.reference, now_made.reference),
    }
    for what, (then, now) in pairs.items():
        if then != now and not (what == "recipe" and same_recipe(then, now)):
            return OtherKey(what, then, now)
    return None

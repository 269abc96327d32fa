"""Verdicts on deterministic measurements: every process within the band, and piece by piece where pieces are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_modelbench.core.bands import Band
from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.core.metrics import Better
from pytest_modelbench.core.observations import Observations
from pytest_modelbench.core.reasons import ItemsChanged, NumbersDiffer, Parted, Reason, Varies
from pytest_modelbench.core.verdicts import BaselineView, Judgement, Verdict
from pytest_modelbench.judge.per_sample import largest_deviation, paired_change
from pytest_modelbench.judge.procedure import Compared
from pytest_modelbench.judge.stored import since_baseline

#: What a part computes is another thing if it is so much of the output's band away: ten times what rounding does.
_OF_BAND = 10


@dataclass(frozen=True, slots=True)
class Made:
    """What a value was made of, as far as that is known: the pieces of a mean or an output, the items of a sum."""

    observations: Observations | None
    breakdown: Breakdown | None


def judge_exact(compared: Compared) -> Judgement:
    """What all processes so far amount to: the one farthest out speaks for all.

    Where both sides hold what they were made of, that is compared, piece by piece. A process that is out by its pieces
    is farther out than one whose value is, and whose pieces excuse it: a later process never takes a verdict back.
    """
    metric, baseline, measurements = compared.metric, compared.stored, compared.measurements
    made = Made(baseline.observations, baseline.breakdown)
    farthest = max(measurements, key=lambda one: _distance(one, baseline.value, made))
    value, (change, reasons) = farthest.value, _change(farthest, baseline.value, baseline.observations)
    verdict = Verdict.OK
    if _is_out(change, value, baseline.value, metric.band):
        verdict = Verdict.IMPROVED if _is_better(change, metric.better) else Verdict.REGRESSED
        if len({one.value for one in measurements}) > 1:
            verdict, reasons = Verdict.REGRESSED, (Varies(),)
    elif _other_kinds(farthest, baseline.breakdown):
        verdict = Verdict.REGRESSED
    if verdict is not Verdict.OK and (items := _items_changed(farthest, baseline.breakdown)):
        reasons = (*reasons, items)
    if verdict is Verdict.REGRESSED and (parted := _parted(farthest, baseline)):
        reasons = (*reasons, parted)
    if verdict is Verdict.REGRESSED:
        reasons = (*reasons, *since_baseline(compared))
    of_it = value / baseline.value if baseline.value else math.inf
    ratio = of_it if math.isfinite(of_it) else None  # of nothing, or next to nothing
    return Judgement(verdict, value, baseline.value, ratio, ratio, ratio, reasons=reasons, processes=len(measurements))


def contradicting(measurements: Sequence[Measurement], value: float, made: Made) -> Measurement | None:
    """Of measurements in several processes, the one farthest from ``value``, if a gate that held that would not pass.

    ``made`` is what ``value`` was made of.
    """
    farthest = max(measurements, key=lambda one: _distance(one, value, made))
    change, _ = _change(farthest, value, made.observations)
    out = _is_out(change, farthest.value, value, farthest.metric.band) or _other_kinds(farthest, made.breakdown)
    return farthest if out else None


def _distance(one: Measurement, value: float, made: Made) -> tuple[float, float, bool]:
    """How far ``one`` is from ``value``, which was ``made`` so: by what counts, by itself, by what it is the sum of."""
    change, _ = _change(one, value, made.observations)
    return abs(change), abs(one.value - value), _other_kinds(one, made.breakdown)


def _other_kinds(one: Measurement, then: Breakdown | None) -> bool:
    """Whether ``one``, of which each kind counts, is the sum of other kinds than it was ``then``."""
    if not (one.metric.itemized and one.metric.band.exact) or then is None or one.breakdown is None:
        return False
    return one.breakdown.by_kind() != then.by_kind()


def _items_changed(one: Measurement, then: Breakdown | None) -> ItemsChanged | None:
    """Of which items ``one`` is the sum, and was not ``then``; None if that is not known."""
    if then is None or one.breakdown is None:
        return None
    changes = then.changes(one.breakdown)
    return ItemsChanged(one.metric.unit, changes) if changes else None


def _parted(one: Measurement, then: BaselineView) -> Parted | None:
    """Where in the model an output that is another one became that; None if that is not known."""
    if then.trail is None or one.trail is None or not then.value:
        return None
    # A change grows from part to part as often as it fades: where it begins it may be far below what the output may.
    share = one.metric.band.allowance(then.value) / abs(then.value) / _OF_BAND
    parting = then.trail.parting(one.trail, share)
    return Parted(parting.module, parting.share) if parting else None


def _is_out(change: float, value: float, baseline: float, band: Band) -> bool:
    # Room for the rounding of decimal fractions in the comparison itself, not in the measurement.
    rounding = 1e-12 * max(abs(value), abs(baseline))
    return abs(change) > band.allowance(baseline) + rounding


def _change(one: Measurement, value: float, then: Observations | None) -> tuple[float, tuple[Reason, ...]]:
    """The change from ``value`` that counts, and what the pieces say of it.

    It is none where the band allows for chance, and chance it was.
    """
    change, now, band = one.value - value, one.observations, one.metric.band
    if then is None or now is None:
        return change, ()
    if (deviation := largest_deviation(then, now)) is not None:
        return deviation, (NumbersDiffer(deviation, band.allowance(value)),) if deviation else ()
    paired = paired_change(then, now)
    if paired is None or not (change or paired.lost or paired.won):
        return change, ()
    if not band.sampling:
        return change, (paired.told(one.sample_names),)
    objection = paired.objection(change)
    told = paired.told(one.sample_names, excused=objection is None, objection=objection)
    return (change if objection else 0.0), (told,)


def _is_better(change: float, better: Better) -> bool:
    return (better is Better.LOWER and change < 0) or (better is Better.HIGHER and change > 0)

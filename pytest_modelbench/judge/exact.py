"""Verdicts on deterministic measurements: every process within the band, and piece by piece where pieces are known."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_modelbench.core.bands import Band
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.core.metrics import Better
from pytest_modelbench.core.observations import Observations
from pytest_modelbench.core.reasons import NumbersDiffer, Reason, Varies
from pytest_modelbench.core.verdicts import Judgement, Verdict
from pytest_modelbench.judge.per_sample import largest_deviation, paired_change
from pytest_modelbench.judge.procedure import Compared
from pytest_modelbench.judge.stored import since_baseline


def judge_exact(compared: Compared) -> Judgement:
    """What all processes so far amount to: the one farthest out speaks for all.

    Where both sides hold what they were made of, that is compared, piece by piece. A process that is out by its pieces
    is farther out than one whose value is, and whose pieces excuse it: a later process never takes a verdict back.
    """
    metric, baseline, measurements = compared.metric, compared.stored, compared.measurements
    changes = [(one.value, *_change(one, baseline.value, baseline.observations)) for one in measurements]
    value, change, reasons = max(changes, key=lambda one: (abs(one[1]), abs(one[0] - baseline.value)))
    verdict = Verdict.OK
    if _is_out(change, value, baseline.value, metric.band):
        verdict = Verdict.IMPROVED if _is_better(change, metric.better) else Verdict.REGRESSED
        if len({one.value for one in measurements}) > 1:
            verdict, reasons = Verdict.REGRESSED, (Varies(),)
    if verdict is Verdict.REGRESSED:
        reasons = (*reasons, *since_baseline(compared))
    of_it = value / baseline.value if baseline.value else math.inf
    ratio = of_it if math.isfinite(of_it) else None  # of nothing, or next to nothing
    return Judgement(verdict, value, baseline.value, ratio, ratio, ratio, reasons=reasons, processes=len(measurements))


def contradicting(
    measurements: Sequence[Measurement], value: float, observations: Observations | None
) -> Measurement | None:
    """Of measurements in several processes, the one farthest from ``value``, if a gate that held that would not pass.

    ``observations`` are what ``value`` was made of.
    """
    changes = [(one, _change(one, value, observations)[0]) for one in measurements]
    farthest, change = max(changes, key=lambda one: abs(one[1]))
    return farthest if _is_out(change, farthest.value, value, farthest.metric.band) else None


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

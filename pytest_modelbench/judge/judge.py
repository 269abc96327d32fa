"""From records and a baseline to a verdict. Pure: numbers and texts in, a judgement out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from pytest_modelbench.core.environment import Fact
from pytest_modelbench.core.metrics import Better
from pytest_modelbench.core.observations import read
from pytest_modelbench.core.records import CheckKey, Record, counted
from pytest_modelbench.core.verdicts import (
    BaselineView,
    Duet,
    Judgement,
    Procedure,
    Verdict,
    obstacle_to_comparison,
)
from pytest_modelbench.judge.noisy import judge_pairs, judge_stored
from pytest_modelbench.judge.per_sample import largest_deviation, paired_change


def check_key(records: Sequence[Record]) -> CheckKey:
    """The key that all ``records`` share."""
    keys = {record.key for record in records}
    if len(keys) != 1:
        raise ValueError(f"records of {len(keys)} checks cannot be judged together")
    return keys.pop()


def judge(
    records: Sequence[Record],
    baseline: BaselineView | None,
    procedure: Procedure,
    identity: Mapping[str, Fact],
    provenance: Mapping[str, Fact],
    duet: Duet | None = None,
) -> Judgement:
    """Verdict on one check from the records of all its processes so far, and from its ``duet`` once there is one."""
    check_key(records)
    last = records[-1]
    value = median(record.value for record in counted(records))
    if baseline is None:
        complete = not last.metric.noisy or len(records) >= procedure.looks[0]
        return Judgement(Verdict.NEW, value, settled=complete, processes=len(records))
    if obstacle := obstacle_to_comparison(last, baseline, identity):
        return Judgement(Verdict.INCOMPARABLE, value, baseline.value, reason=obstacle, processes=len(records))
    if not last.metric.noisy:
        return _judge_exact(records, baseline)
    if duet is None:
        return judge_stored(records, baseline, procedure, value, provenance)
    return judge_pairs(records, baseline, procedure, value, provenance, duet)


def _judge_exact(records: Sequence[Record], baseline: BaselineView) -> Judgement:
    """Every process must be within the band; the one farthest out speaks for all.

    Where both sides hold what they were made of, that is compared, piece by piece.
    """
    metric = records[-1].metric
    worst = max(records, key=lambda record: abs(record.value - baseline.value))
    value, change = worst.value, worst.value - baseline.value
    verdict, reason = Verdict.OK, ""
    if worst.evidence and baseline.evidence:
        change, reason = _by_pieces(worst, baseline, change)
    # Room for the rounding of decimal fractions in the comparison itself, not in the measurement.
    rounding = 1e-12 * max(abs(value), abs(baseline.value))
    if abs(change) > metric.band.allowance(baseline.value) + rounding:
        verdict = Verdict.IMPROVED if _is_better(change, metric.better) else Verdict.REGRESSED
        if len({record.value for record in records}) > 1:
            verdict, reason = (
                Verdict.REGRESSED,
                "it differs between processes, though it should be deterministic",
            )
    ratio = value / baseline.value if baseline.value else None
    return Judgement(verdict, value, baseline.value, ratio, ratio, ratio, reason=reason, processes=len(records))


def _by_pieces(record: Record, baseline: BaselineView, change: float) -> tuple[float, str]:
    """The change that counts, and what the pieces say of it: no change where the band allows for chance and it was."""
    then, now, band = read(baseline.evidence), read(record.evidence), record.metric.band
    if (deviation := largest_deviation(then, now)) is not None:
        return deviation, f"its numbers differ by up to {deviation:.3g}" if deviation else ""
    paired = paired_change(then, now)
    if paired is None or not (change or paired.lost or paired.won):
        return change, ""
    if not band.sampling:
        return change, paired.text
    objection = paired.objection(change)
    return (change if objection else 0.0), f"{paired.text}; {objection or 'chance explains that'}"


def _is_better(change: float, better: Better) -> bool:
    return (better is Better.LOWER and change < 0) or (better is Better.HIGHER and change > 0)

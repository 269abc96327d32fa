"""From records and a baseline to a verdict. Pure: numbers and texts in, a judgement out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from pytest_modelbench.core.environment import Fact, differences
from pytest_modelbench.core.metrics import Better, Scope
from pytest_modelbench.core.records import CheckKey, Record, disturbance
from pytest_modelbench.core.screen import Difference, compare

#: How the reason begins where times were taken elsewhere.
OTHER_ENVIRONMENT = "the environment is another one"
#: Error rate of "ok" per check (shared by the looks) and of "regressed" per session (shared by the checks).
ALPHA = 0.05


class Verdict(str, Enum):
    """What a comparison says."""

    OK = "ok"
    REGRESSED = "regressed"
    IMPROVED = "improved"
    INCONCLUSIVE = "inconclusive"
    NEW = "new"
    INCOMPARABLE = "incomparable"


@dataclass(frozen=True, slots=True)
class BaselineView:
    """What a judgement needs of a stored baseline entry."""

    case: str
    unit: str
    better: Better
    value: float
    basis: str = ""
    anchor: tuple[float, ...] = ()  #: levels of each process of the accepted session; empty: deterministic
    sessions: tuple[tuple[float, ...], ...] = ()  #: the same of the other sessions
    identity: Mapping[str, Fact] | None = None
    provenance: Mapping[str, Fact] | None = None
    accepted: str = ""  #: date and commit, for messages


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what it rests on. Ratios are now / baseline, 1.0 meaning no change.

    ``low_ratio`` and ``high_ratio`` hold a noisy change with 95 % confidence. ``settled`` says that measuring more
    would not change the verdict. ``reason`` is one sentence for people; empty for ok.
    """

    verdict: Verdict
    value: float
    baseline: float | None = None
    ratio: float | None = None
    low_ratio: float | None = None
    high_ratio: float | None = None
    settled: bool = True
    reason: str = ""
    processes: int = 1


@dataclass(frozen=True, slots=True)
class Procedure:
    """How often noisy checks are looked at: after how many processes, and how many checks share the error rate."""

    looks: tuple[int, ...] = (3, 5, 8)
    checks: int = 1


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
) -> Judgement:
    """Verdict on one check from the records of all its processes so far."""
    check_key(records)
    last = records[-1]
    value = _typical(records)
    if baseline is None:
        complete = not last.metric.noisy or len(records) >= procedure.looks[0]
        return Judgement(Verdict.NEW, value, settled=complete, processes=len(records))
    if obstacle := obstacle_to_comparison(last, baseline, identity):
        return Judgement(Verdict.INCOMPARABLE, value, baseline.value, reason=obstacle, processes=len(records))
    if last.metric.noisy:
        return _judge_noisy(records, baseline, procedure, value, provenance)
    return _judge_exact(records, baseline)


def _typical(records: Sequence[Record]) -> float:
    """Median over processes: what people read as the value."""
    ordered = sorted(record.value for record in records)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def obstacle_to_comparison(record: Record, baseline: BaselineView, identity: Mapping[str, Fact]) -> str:
    """Why the two cannot be compared, or an empty string."""
    kinds = {True: "noisy", False: "deterministic"}
    pairs = {
        "case": (baseline.case, record.case),
        "kind of measurement": (kinds[bool(baseline.anchor)], kinds[record.metric.noisy]),
        "unit": (baseline.unit, record.metric.unit),
        "direction": (baseline.better.value, record.metric.better.value),
        "basis": (baseline.basis, record.basis),
    }
    for what, (then, now) in pairs.items():
        if then != now:
            return f"the {what} changed from {then or 'none'!r} to {now or 'none'!r}"
    if record.metric.scope is not Scope.DEVICE:
        return ""
    if baseline.identity is None:
        return "its file does not say in which environment it was recorded"
    moved = differences(baseline.identity, identity)
    return f"{OTHER_ENVIRONMENT}: {', '.join(moved)}" if moved else ""


def _judge_exact(records: Sequence[Record], baseline: BaselineView) -> Judgement:
    """Every process must be within the band; the one farthest out speaks for all."""
    metric = records[-1].metric
    worst = max(records, key=lambda record: abs(record.value - baseline.value))
    value, change = worst.value, worst.value - baseline.value
    verdict, reason = Verdict.OK, ""
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


def _is_better(change: float, better: Better) -> bool:
    return (better is Better.LOWER and change < 0) or (better is Better.HIGHER and change > 0)


def _judge_noisy(
    records: Sequence[Record],
    baseline: BaselineView,
    procedure: Procedure,
    value: float,
    provenance: Mapping[str, Fact],
) -> Judgement:
    """The screen against the stored baseline: first whether it is within the band, then whether it is a regression.

    Fails on the stored baseline alone are judged at ``ALPHA`` shared by all checks of the session, and only beyond half
    the band's width (`ignore below`), so that a change of exactly the band can be decided at all.
    """
    metric = records[-1].metric
    sign = -1.0 if metric.better is Better.HIGHER else 1.0
    levels = [record.level for record in records if record.level is not None]
    difference = compare(levels, baseline.anchor, baseline.sessions)
    if sign < 0:
        # As a slowdown: up is bad for every metric from here on.
        difference = Difference(
            -difference.theta, difference.se, difference.dof, difference.process_sd, difference.day_sd
        )
    band = metric.band.ratio(baseline.value)
    fail_above, ignore_below = math.log1p(band), math.log1p(band / 2)
    n = len(levels)
    low, high = sorted((_ratio(sign * difference.lower(0.025)), _ratio(sign * difference.upper(0.025))))

    def said(verdict: Verdict, reason: str = "", settled: bool = True) -> Judgement:
        ratio = _ratio(sign * difference.theta)
        return Judgement(verdict, value, baseline.value, ratio, low, high, settled, reason, n)

    if n < procedure.looks[-1] and n not in procedure.looks:
        # Between looks nothing is decided: each look spends a part of the error rate.
        return said(Verdict.INCONCLUSIVE, f"measured in {n} of {procedure.looks[-1]} processes", settled=False)
    within = difference.upper(ALPHA / len(procedure.looks)) < fail_above
    if metric.better is Better.EQUAL:
        within = within and difference.lower(ALPHA / len(procedure.looks)) > -fail_above
    level = ALPHA / max(1, procedure.checks)
    if disturbed := disturbance(records):
        return said(Verdict.INCONCLUSIVE, f"the machine was disturbed in {disturbed}", settled=n >= procedure.looks[-1])
    if within:
        faster = difference.upper(level) < -ignore_below and metric.better is not Better.EQUAL
        return said(Verdict.IMPROVED if faster else Verdict.OK)
    if difference.lower(level) > ignore_below or (
        metric.better is Better.EQUAL and difference.upper(level) < -ignore_below
    ):
        reason = _moved_environment(baseline, provenance)
        # So far out that more processes would only repeat it.
        far_out = difference.lower(level / len(procedure.looks)) > fail_above
        return said(Verdict.REGRESSED, reason, settled=n >= procedure.looks[-1] or far_out)
    if n >= procedure.looks[-1]:
        return said(Verdict.INCONCLUSIVE, _why_open(difference, fail_above))
    return said(Verdict.INCONCLUSIVE, _why_open(difference, fail_above), settled=False)


def _ratio(log: float) -> float:
    """e^log, within what can be stored and shown: beyond, the spread is absurd and the number says nothing."""
    return math.exp(min(max(log, -20.0), 20.0))


def _why_open(difference: Difference, fail_above: float) -> str:
    bound = (_ratio(difference.upper(ALPHA / 3)) - 1) * 100
    return f"it may be up to {bound:+.1f}% away, and the band ends at {math.expm1(fail_above) * 100:+.1f}%"


def _moved_environment(baseline: BaselineView, provenance: Mapping[str, Fact]) -> str:
    moved = differences(baseline.provenance or {}, provenance)
    return f"since the baseline: {', '.join(moved)}" if moved else ""

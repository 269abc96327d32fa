"""Verdicts on what varies from process to process: on the stored baseline, and by duet.

Both ask the same questions of an estimated change, at looks that were fixed before: is it surely within the band (ok),
or surely more than half of it (regressed)? The stored baseline is the cheap screen; where it cannot clear a check, and
the baseline's own code is at hand, a duet decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from pytest_modelbench.core.environment import Fact, differences
from pytest_modelbench.core.metrics import Better, Metric
from pytest_modelbench.core.records import Record, counted, disturbance
from pytest_modelbench.core.verdicts import ALPHA, BaselineView, Duet, Judgement, Procedure, Verdict
from pytest_modelbench.judge.comparison import MOST_DRIFT, Comparison, compare
from pytest_modelbench.judge.estimate import Edges, Estimate, detectable, paired, repeated, repetitions_needed, spent

#: What the screen spends of the error rate of "ok" where a duet can follow, which has the rest. More of it would save
#: little, and let more through where days differ by more than is believed (`tests/trials/session_cost.py`).
SCREEN_SHARE = 0.5
#: Processes after a duet that tell whether code that it clears stays away from what is stored: those before it stood
#: out, which is why there was a duet, and may all have run in one bad spell of the machine.
AFRESH = 4


def judge_stored(
    records: Sequence[Record],
    baseline: BaselineView,
    procedure: Procedure,
    value: float,
    provenance: Mapping[str, Fact],
) -> Judgement:
    """The screen against the stored baseline: first whether it is within the band, then whether it is a regression.

    Fails on the stored baseline alone are judged at ``ALPHA`` shared by all checks of the session, and only beyond half
    the band's width, so that a change of exactly the band can be decided at all; with ``procedure.confirmed`` they are
    left to the duet, else to the last look: earlier ones may have fallen into one bad spell of the machine.
    """
    metric, n = records[-1].metric, len(records)
    comparison, drift = _compared(records, baseline)
    edges = Edges.of_band(metric.band.ratio(baseline.value))
    told = _Told(metric, value, baseline.value, comparison.change, n)
    # The first pairs of a duet tell more than the processes between the last two looks, and cost about as much.
    looks = procedure.looks[:-1] if procedure.confirmed and len(procedure.looks) > 1 else procedure.looks
    last = n >= looks[-1]
    alone = f"no duet could confirm it: {procedure.unconfirmed}" if procedure.unconfirmed else ""
    if not last and n not in looks:
        # Between looks nothing is decided: each look spends a part of the error rate.
        return told.open(f"measured in {n} of {looks[-1]} processes", settled=False)
    # After the last look only a duet can tell more, if one is to come.
    settled, escalated = last and not procedure.confirmed, last and procedure.confirmed
    if disturbed := disturbance(records):
        reason = _reasons(f"the machine was disturbed in {disturbed}", alone)
        return told.open(reason, settled=settled, escalated=escalated)
    if abs(drift) > MOST_DRIFT:
        return told.open(_reasons(_drifted(drift), alone), settled=settled, escalated=escalated)
    ok_rate = ALPHA * SCREEN_SHARE if procedure.confirmed else ALPHA
    ok_alpha, alpha = spent(ok_rate, looks, n), ALPHA / max(1, procedure.checks)
    verdict = _verdict(told.slowdown, metric.better, edges, ok_alpha, alpha)
    if verdict is None or (verdict is Verdict.REGRESSED and procedure.confirmed):

        def after(processes: int) -> Estimate:
            return told.as_slowdown(comparison.after(processes))

        needed = repetitions_needed(after, edges, alpha, ok_alpha)
        # Even the last processes would hardly clear it: the stored session is too far off, or known too badly.
        hopeless = after(looks[-1]).upper(ALPHA) >= edges.fail_above
        return told.open(
            _reasons(_why_open(told.slowdown, edges, ok_alpha), _missing(baseline), alone),
            settled=settled,
            escalated=procedure.confirmed and (last or verdict is Verdict.REGRESSED or hopeless),
            more=max(1, needed - n) if needed is not None else None,
            detectable_ratio=_ratio(detectable(told.slowdown, edges, alpha)),
        )
    if verdict is Verdict.REGRESSED:
        moved = _moved_environment(baseline, provenance)
        if procedure.same_code:
            return _by_no_change_of_code(told, moved, "the code is the very same", settled=last)
        return told.said(verdict, _reasons(moved, alone), settled=last)
    return told.said(verdict)


def judge_pairs(
    records: Sequence[Record],
    baseline: BaselineView,
    procedure: Procedure,
    value: float,
    provenance: Mapping[str, Fact],
    duet: Duet,
) -> Judgement:
    """The verdict by duet: group-sequential, by one-sided t bounds at fixed looks.

    The error rate of "regressed" is ``ALPHA``, shared by the checks that a duet confirms and by the looks, that of "ok"
    what the screen has left of it. A check that the duet clears, but that is beyond its band against what is stored, is
    measured in `AFRESH` further processes; if it stays there, it was moved by the environment, or by the machine.
    """
    metric, n = records[-1].metric, len(duet.changes)
    edges = Edges.of_band(metric.band.ratio(baseline.value))
    last = duet.pairs >= duet.looks[-1]
    upset = f"; the machine was disturbed in {duet.disturbed} of them" if duet.disturbed else ""
    seen = f"measured in {n} of {duet.looks[-1]} pairs beside {duet.revision}{upset}"
    beside = f"beside {duet.revision} in {n} pairs{upset}"
    if n < 2:
        return Judgement(
            Verdict.INCONCLUSIVE, value, baseline.value, settled=last, processes=len(records), pairs=n, reason=seen
        )
    estimate = paired(duet.changes)
    told = _Told(metric, value, baseline.value, estimate, len(records), n)
    if not last and duet.pairs not in duet.looks:
        return told.open(seen, settled=False)
    alpha = spent(ALPHA / max(1, duet.checks), duet.looks, duet.pairs)
    ok_alpha = spent(ALPHA * (1 - SCREEN_SHARE) if duet.stored else ALPHA, duet.looks, duet.pairs)
    verdict = _verdict(told.slowdown, metric.better, edges, ok_alpha, alpha)
    if verdict is None:
        theta, sd = told.slowdown.theta, estimate.se * math.sqrt(n)
        needed = repetitions_needed(lambda pairs: repeated(theta, sd, pairs), edges, alpha, ok_alpha)
        return told.open(
            f"{beside}: {_why_open(told.slowdown, edges, ok_alpha)}",
            settled=last,
            more=max(1, needed - n) if needed is not None else None,
            detectable_ratio=_ratio(detectable(told.slowdown, edges, alpha)),
        )
    if verdict in (Verdict.OK, Verdict.IMPROVED) and duet.stored:
        return _beside_stored(verdict, told, records, baseline, procedure, provenance, duet, beside)
    return told.said(verdict, beside)


def _verdict(slowdown: Estimate, better: Better, edges: Edges, ok_alpha: float, alpha: float) -> Verdict | None:
    """What is sure of a change; None if nothing is. "ok" first: a change known to lie within the band is ok."""
    either = better is Better.EQUAL
    within = slowdown.upper(ok_alpha) < edges.fail_above
    if within and not (either and slowdown.lower(ok_alpha) <= -edges.fail_above):
        improved = slowdown.upper(alpha) < -edges.ignore_below and not either
        return Verdict.IMPROVED if improved else Verdict.OK
    worse = slowdown.lower(alpha) > edges.ignore_below
    if worse or (either and slowdown.upper(alpha) < -edges.ignore_below):
        return Verdict.REGRESSED
    return None


def _compared(records: Sequence[Record], baseline: BaselineView) -> tuple[Comparison, float]:
    """The comparison with what is stored, and how much slower, in log, the machine was than then (0 if unknown)."""
    drift = machine_drift(records, baseline) or 0.0
    levels = [record.level for record in counted(records) if record.level is not None]
    return compare(levels, baseline.anchor, baseline.sessions, drift), drift


def machine_drift(records: Sequence[Record], baseline: BaselineView) -> float | None:
    """How much slower, in log, the reference workload ran than at the baseline; None if either did not time it."""
    if baseline.speed is None or not records[-1].relative:
        return None
    timed = [(record.value, record.level) for record in counted(records) if record.level is not None]
    drift = speed([value for value, _ in timed], [level for _, level in timed]) - baseline.speed
    # Rates fall where times rise.
    return -drift if records[-1].metric.better is Better.HIGHER else drift


def speed(values: Sequence[float], levels: Sequence[float]) -> float:
    """Mean log time of the reference workload, up to a constant that only depends on the case."""
    return fmean(math.log(value) - level for value, level in zip(values, levels, strict=True))


def _beside_stored(
    cleared: Verdict,
    told: _Told,
    records: Sequence[Record],
    baseline: BaselineView,
    procedure: Procedure,
    provenance: Mapping[str, Fact],
    duet: Duet,
    beside: str,
) -> Judgement:
    """The verdict on a check whose code a ``duet`` cleared: that, unless it stays away from what is stored.

    What makes it stand out before the duet may be a bad spell of the machine; processes after it tell, on their own.
    """
    afresh, wanted = records[duet.screened :], min(AFRESH, procedure.looks[-1])
    enough = len(afresh) >= wanted
    if enough:
        records = afresh
        told = replace(told, value=median(record.value for record in counted(afresh)), afresh=len(afresh))
    comparison, drift = _compared(records, baseline)
    stored = replace(told, change=comparison.change)
    edges = Edges.of_band(told.metric.band.ratio(told.baseline))
    alpha = ALPHA / max(1, procedure.checks)
    away = _verdict(stored.slowdown, told.metric.better, edges, ALPHA, alpha) is Verdict.REGRESSED
    if not (away or afresh):
        return told.said(cleared, beside)
    code = f"the code is {'as fast' if cleared is Verdict.OK else 'faster'} {beside}"
    if not enough:
        reason = f"{code}, but was away from what is stored; measured again in {len(afresh)} of {wanted} processes"
        return stored.open(reason, settled=False, after_duet=True)
    unknown = f"{code}, but whether both are away from what is stored cannot be told"
    if disturbed := disturbance(records):
        return stored.open(f"{unknown}; the machine was disturbed in {disturbed}")
    if abs(drift) > MOST_DRIFT:
        return stored.open(f"{unknown}; {_drifted(drift)}")
    moved = _moved_environment(baseline, provenance)
    if away:
        return _by_no_change_of_code(stored, moved, f"{code}, but both are away from what is stored")
    if moved and stored.slowdown.upper(ALPHA) >= edges.fail_above:
        return stored.open(_reasons(unknown, _why_open(stored.slowdown, edges, ALPHA), moved))
    return told.said(cleared, beside)


def _by_no_change_of_code(told: _Told, moved: str, cleared: str, settled: bool = True) -> Judgement:
    """The verdict on a slowdown that the code is not to blame for: versions are, if they ``moved``, or the machine."""
    if moved:
        return told.said(Verdict.REGRESSED, f"the environment moved: {cleared}; {moved}", settled)
    return told.open(f"the machine moved: {cleared}, and so are all versions", settled)


@dataclass(frozen=True, slots=True)
class _Told:
    """Judgements on one check, whatever its direction: ``slowdown`` has up as bad."""

    metric: Metric
    value: float
    baseline: float
    change: Estimate
    processes: int
    pairs: int = 0
    afresh: int = 0

    @property
    def slowdown(self) -> Estimate:
        """The change, with up as bad."""
        return self.as_slowdown(self.change)

    def as_slowdown(self, change: Estimate) -> Estimate:
        """``change`` with up as bad."""
        return change.mirrored() if self.metric.better is Better.HIGHER else change

    def said(
        self,
        verdict: Verdict,
        reason: str = "",
        settled: bool = True,
        more: int | None = None,
        detectable_ratio: float | None = None,
        escalated: bool = False,
        after_duet: bool = False,
    ) -> Judgement:
        """A judgement with this change."""
        change = self.change
        return Judgement(
            verdict, self.value, self.baseline, _ratio(change.theta), _ratio(change.lower(0.025)),
            _ratio(change.upper(0.025)), settled, reason, self.processes, self.pairs, self.afresh, escalated,
            after_duet, more, detectable_ratio,
        )  # fmt: skip

    def open(
        self,
        reason: str,
        settled: bool = True,
        more: int | None = None,
        detectable_ratio: float | None = None,
        escalated: bool = False,
        after_duet: bool = False,
    ) -> Judgement:
        """Inconclusive, so far or for good."""
        return self.said(Verdict.INCONCLUSIVE, reason, settled, more, detectable_ratio, escalated, after_duet)


def _ratio(log: float) -> float:
    """e^log, within what can be stored and shown: beyond, the spread is absurd and the number says nothing."""
    return math.exp(min(max(log, -20.0), 20.0))


def _reasons(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def _why_open(slowdown: Estimate, edges: Edges, ok_alpha: float) -> str:
    bound = (_ratio(slowdown.upper(ok_alpha)) - 1) * 100
    return f"it may be up to {bound:+.1f}% away, and the band ends at {math.expm1(edges.fail_above) * 100:+.1f}%"


def _missing(baseline: BaselineView) -> str:
    """What a baseline does not tell about its own spread, which is then assumed."""
    if len(baseline.anchor) < 2 and not baseline.sessions:
        return "the baseline holds one process of one session, so how far processes and days differ is assumed"
    if not baseline.sessions:
        return "the baseline holds one session, so how far days differ is assumed"
    return ""


def _drifted(drift: float) -> str:
    how = "slower" if drift > 0 else "faster"
    return f"the machine itself runs {abs(math.expm1(drift)):.0%} {how} than when the baseline was recorded"


def _moved_environment(baseline: BaselineView, provenance: Mapping[str, Fact]) -> str:
    moved = differences(baseline.provenance or {}, provenance)
    return f"since the baseline: {', '.join(moved)}" if moved else ""

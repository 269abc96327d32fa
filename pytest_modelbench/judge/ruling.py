"""What the rules say of a check: a judgement, and what it means for the check's state."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_modelbench.core.metrics import Better, Metric
from pytest_modelbench.core.reasons import MayBeAway, Reason
from pytest_modelbench.core.verdicts import Judgement, Verdict
from pytest_modelbench.judge.estimate import Edges, Estimate, detectable
from pytest_modelbench.judge.state import Event


@dataclass(frozen=True, slots=True)
class Ruling:
    """A judgement as it is now, and what it means."""

    event: Event
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Outlook:
    """What it would take to decide an open check; see `Judgement`."""

    more: int | None = None
    detectable_ratio: float | None = None

    @classmethod
    def after(cls, done: int, needed: int | None, change: Estimate, edges: Edges, alpha: float) -> Outlook:
        """The outlook after ``done`` repetitions of the ``needed`` ones, at the error rate ``alpha``."""
        more = max(1, needed - done) if needed is not None else None
        return cls(more, bounded_ratio(detectable(change, edges, alpha)))


@dataclass(frozen=True, slots=True)
class NoisyChange:
    """A noisy check as it was measured, whatever its direction: ``slowdown`` has up as bad."""

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

    def said(self, verdict: Verdict, *reasons: Reason, event: Event = Event.DECIDED) -> Ruling:
        """The ruling that it is ``verdict``."""
        return self._ruling(event, verdict, reasons, Outlook())

    def open(self, event: Event, *reasons: Reason, outlook: Outlook | None = None) -> Ruling:
        """The ruling that it is inconclusive, so far or for good."""
        return self._ruling(event, Verdict.INCONCLUSIVE, reasons, outlook or Outlook())

    def _ruling(self, event: Event, verdict: Verdict, reasons: tuple[Reason, ...], outlook: Outlook) -> Ruling:
        change = self.change
        judgement = Judgement(
            verdict, self.value, self.baseline, bounded_ratio(change.theta), bounded_ratio(change.lower(0.025)),
            bounded_ratio(change.upper(0.025)), reasons, self.processes, self.pairs, self.afresh, outlook.more,
            detectable_ratio=outlook.detectable_ratio,
        )  # fmt: skip
        return Ruling(event, judgement)


def sure_verdict(slowdown: Estimate, better: Better, edges: Edges, ok_alpha: float, alpha: float) -> Verdict | None:
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


def why_open(slowdown: Estimate, edges: Edges, ok_alpha: float) -> MayBeAway:
    """How far away a change may be that is not decided."""
    return MayBeAway(bounded_ratio(slowdown.upper(ok_alpha)), math.exp(edges.fail_above))


def bounded_ratio(log: float) -> float:
    """e^log, within what can be stored and shown: beyond, the spread is absurd and the number says nothing."""
    return math.exp(min(max(log, -20.0), 20.0))

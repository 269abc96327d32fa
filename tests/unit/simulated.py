"""The ruling on one check by the code that decides, stored comparison and duet, on log ratios drawn from given spreads.

Also what tests of the judge are made of: one measurement, one baseline, one ruling.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.measurement import Comparability, Measurement, Quality, RelativeTime
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import BaselineView, Verdict
from pytest_modelbench.judge.estimate import Edges
from pytest_modelbench.judge.judging import judge
from pytest_modelbench.judge.paired import AFRESH
from pytest_modelbench.judge.procedure import Compared, Duet, Procedure
from pytest_modelbench.judge.ruling import Ruling
from pytest_modelbench.judge.state import Event

EDGES = Edges.of_band(0.05)
DEFAULTS = Settings()
BESIDE_CONV = Comparability(reference="conv")


def measurement(process=1, metric="latency", value=0.1, log_ratio=0.0, disturbance="", best_reference_s=None):
    """One process's value, as far above the reference's time as ``log_ratio`` says."""
    timing = RelativeTime(log_ratio, value / math.exp(log_ratio), best_reference_s)
    return Measurement.of(
        metric, value, NamedCase("case"), timing=timing, comparability=BESIDE_CONV, quality=Quality(disturbance),
        test="t", process=process,
    )  # fmt: skip


def baseline(metric="latency", anchor=(0.0, 0.01, -0.01, 0.005, -0.005), **more):
    """What is stored of the same: by default one session of five processes that spread by 1 %."""
    unit, better = METRICS[metric].unit, METRICS[metric].better
    return BaselineView("case", unit, better, 0.1, BESIDE_CONV, anchor, identity={}, **more)


def ruling(measurements, stored, procedure=None, now=None, duet=None, identity=None):
    """The ruling where provenance is ``now``."""
    return judge(Compared(measurements, stored, identity or {}, now or {}), procedure or Procedure(), duet)


@dataclass(frozen=True)
class Spreads:
    """Standard deviations, in log: between processes of a session, between days, between pairs of a duet."""

    process: float
    day: float
    pair: float


@dataclass(frozen=True)
class Ended:
    """How a check ended, and what it took."""

    verdict: Verdict
    processes: int
    pairs: int


class SimulatedCheck:
    """One of a session's twelve checks of a change ``truth``, in log, against a baseline of one stored session."""

    def __init__(self, rng: random.Random, truth: float, spreads: Spreads, settings: Settings = DEFAULTS) -> None:
        stored_day, today = rng.gauss(0, spreads.day), truth + rng.gauss(0, spreads.day)
        anchor = tuple(stored_day + rng.gauss(0, spreads.process) for _ in range(settings.update_rounds))
        self._rng, self._truth, self._today, self._spreads = rng, truth, today, spreads
        self._settings = settings
        self._view = baseline(anchor=anchor)
        self.measurements: list[Measurement] = []
        self.changes: list[float] = []
        self._before = 0

    def against_stored(self, processes: int) -> Ruling:
        """The ruling of the stored comparison after so many processes, where a duet can follow."""
        self._measure(processes)
        self._before = processes
        return ruling(self.measurements, self._view, Procedure(self._settings.rounds, 12, confirmed=True))

    def in_pairs(self, pairs: int, checks: int = 1) -> Ruling:
        """The ruling after so many pairs of a duet that confirms ``checks``, and what it wants measured afresh."""
        while len(self.changes) < pairs:
            self.changes.append(self._rng.gauss(self._truth, self._spreads.pair))
        procedure = Procedure(self._settings.rounds, 12)
        duet = Duet(
            "commit abc",
            self._settings.pairs,
            checks,
            changes=tuple(self.changes),
            pairs=pairs,
            before=self._before,
        )
        told = ruling(self.measurements, self._view, procedure, duet=duet)
        if told.event is Event.AWAY:
            self._measure(self._before + AFRESH)
            told = ruling(self.measurements, self._view, procedure, duet=duet)
        return told

    def _measure(self, processes: int) -> None:
        while len(self.measurements) < processes:
            log_ratio = self._today + self._rng.gauss(0, self._spreads.process)
            self.measurements.append(measurement(len(self.measurements) + 1, log_ratio=log_ratio))


def whole(rng: random.Random, truth: float, spreads: Spreads) -> Ended:
    """How one check ends by the whole procedure: the stored comparison, and a duet on what it does not clear."""
    check = SimulatedCheck(rng, truth, spreads)
    for processes in range(1, DEFAULTS.rounds[-1] + 1):
        told = check.against_stored(processes)
        if told.event is Event.ESCALATED:
            break
        if told.event is Event.DECIDED:
            return Ended(told.judgement.verdict, processes, 0)
    for pairs in DEFAULTS.pairs:
        told = check.in_pairs(pairs)
        if told.event is Event.DECIDED:
            break
    return Ended(told.judgement.verdict, len(check.measurements), len(check.changes))

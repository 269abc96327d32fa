"""The verdict on one check by the code that decides, screen and duet, on levels drawn from given spreads."""

from __future__ import annotations

import random
from dataclasses import dataclass

from pytest_modelbench.core.records import Record
from pytest_modelbench.judge.judge import judge
from pytest_modelbench.judge.noisy import AFRESH

from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import BaselineView, Duet, Judgement, Procedure, Verdict
from pytest_modelbench.judge.estimate import Edges

EDGES = Edges.of_band(0.05)
DEFAULTS = Settings()


def record(process=1, metric="latency", value=0.1, level=0.0, basis="conv"):
    return Record("t", metric, METRICS[metric], "case", value, level, basis, process=process)


def baseline(metric="latency", anchor=(0.0, 0.01, -0.01, 0.005, -0.005), **more):
    unit, better = METRICS[metric].unit, METRICS[metric].better
    return BaselineView("case", unit, better, 0.1, "conv", anchor, identity={}, **more)


@dataclass(frozen=True)
class Spreads:
    """Standard deviations, in log: between processes of a session, between days, between pairs of a duet."""

    process: float
    day: float
    pair: float


@dataclass(frozen=True)
class Outcome:
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
        self.records: list[Record] = []
        self.changes: list[float] = []
        self._screened = 0

    def screened(self, processes: int) -> Judgement:
        """The screen's judgement after so many processes."""
        self._measured(processes)
        self._screened = processes
        return judge(self.records, self._view, Procedure(self._settings.rounds, 12, confirmed=True), {}, {})

    def paired(self, pairs: int, checks: int = 1) -> Judgement:
        """The judgement after so many pairs of a duet that confirms ``checks``, and what it wants measured afresh."""
        while len(self.changes) < pairs:
            self.changes.append(self._rng.gauss(self._truth, self._spreads.pair))
        procedure = Procedure(self._settings.rounds, 12)
        duet = Duet(
            "commit abc",
            self._settings.pairs,
            checks,
            changes=tuple(self.changes),
            pairs=pairs,
            screened=self._screened,
        )
        judgement = judge(self.records, self._view, procedure, {}, {}, duet)
        if judgement.after_duet:
            self._measured(self._screened + AFRESH)
            judgement = judge(self.records, self._view, procedure, {}, {}, duet)
        return judgement

    def _measured(self, processes: int) -> None:
        while len(self.records) < processes:
            level = self._today + self._rng.gauss(0, self._spreads.process)
            self.records.append(record(len(self.records) + 1, level=level))


def whole(rng: random.Random, truth: float, spreads: Spreads) -> Outcome:
    """How one check ends by the whole procedure: the screen, and a duet on what it does not clear."""
    check = SimulatedCheck(rng, truth, spreads)
    for processes in range(1, DEFAULTS.rounds[-1] + 1):
        judgement = check.screened(processes)
        if judgement.escalated:
            break
        if judgement.settled:
            return Outcome(judgement.verdict, processes, 0)
    for pairs in DEFAULTS.pairs:
        judgement = check.paired(pairs)
        if judgement.settled:
            break
    return Outcome(judgement.verdict, len(check.records), len(check.changes))

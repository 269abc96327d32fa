"""The verdict on one check by the code that decides, screen and duet, on levels drawn from given spreads."""

from __future__ import annotations

import random
from dataclasses import dataclass

from pytest_modelbench.core.estimate import Edges
from pytest_modelbench.core.judge import judge
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.records import Record
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import BaselineView, Duet, Procedure, Verdict

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


def whole(rng: random.Random, truth: float, spreads: Spreads) -> Outcome:
    """One of a session's twelve checks of a change ``truth``, in log, against a baseline of one stored session."""
    stored_day, today = rng.gauss(0, spreads.day), truth + rng.gauss(0, spreads.day)
    anchor = tuple(stored_day + rng.gauss(0, spreads.process) for _ in range(DEFAULTS.update_passes))
    view, screened = baseline(anchor=anchor), Procedure(checks=12, confirmed=True)
    records: list[Record] = []
    for number in range(1, DEFAULTS.passes[-1] + 1):
        records.append(record(number, level=today + rng.gauss(0, spreads.process)))
        judgement = judge(records, view, screened, {}, {})
        if judgement.escalated:
            break
        if judgement.settled:
            return Outcome(judgement.verdict, number, 0)
    changes: list[float] = []
    for look in DEFAULTS.pairs:
        changes += [rng.gauss(truth, spreads.pair) for _ in range(look - len(changes))]
        duet = Duet("commit abc", changes=tuple(changes), pairs=look)
        judgement = judge(records, view, Procedure(checks=12), {}, {}, duet)
        if judgement.settled:
            break
    return Outcome(judgement.verdict, len(records), len(changes))

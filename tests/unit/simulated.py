"""The ruling on one check by the code that decides, stored comparison and duet, on log ratios drawn from given spreads.

Also what tests of the judge are made of: one measurement, one baseline, one ruling.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.environment import BESIDE_GIT, NONE, OPTIONS, PACKAGES, READ, VARIABLES
from pytest_modelbench.core.measurement import CheckKey, Comparability, Measurement, Quality, RelativeTime
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.packages import Package, packed
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import BaselineView, Verdict
from pytest_modelbench.judge.comparison import DAY_FLOOR
from pytest_modelbench.judge.estimate import Edges
from pytest_modelbench.judge.judging import judge
from pytest_modelbench.judge.procedure import Compared, Duet, Procedure, looks_of_duet
from pytest_modelbench.judge.ruling import Ruling
from pytest_modelbench.judge.spread import UNKNOWN, Others, Spread, of_sample
from pytest_modelbench.judge.state import Event
from pytest_modelbench.session.learning import Learning
from pytest_modelbench.store.nights import Nights

EDGES = Edges.of_band(0.05)
#: All that may differ between two sessions beside code and machine.
KNOWN = {
    "torch": "2.15.0",
    PACKAGES: packed([Package("torch", "2.15.0")]),
    VARIABLES: NONE,
    OPTIONS: NONE,
    BESIDE_GIT: NONE,
    READ: NONE,
}
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


def ruling(measurements, stored, procedure=None, now=None, duet=None, identity=None, idle=frozenset()):
    """The ruling where provenance is ``now``, in a session whose other checks tell that days are calm."""
    compared = Compared(measurements, stored, identity or {}, now or {}, Spread(DAY_FLOOR**2, 6.0), idle=idle)
    return judge(compared, procedure or Procedure(), duet)


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
    """One of a session's twelve checks of a change ``truth``, in log, against a baseline of one stored session.

    Nothing but code and machine may differ between the two.
    ``nights`` sessions of the baseline's code came in between, of two processes each.
    """

    def __init__(
        self,
        rng: random.Random,
        truth: float,
        spreads: Spreads,
        settings: Settings = DEFAULTS,
        *,
        test: str = "t",
        nights: int = 0,
    ) -> None:
        stored_day, today = rng.gauss(0, spreads.day), truth + rng.gauss(0, spreads.day)
        anchor = tuple(stored_day + rng.gauss(0, spreads.process) for _ in range(settings.update_rounds))
        days = [rng.gauss(0, spreads.day) for _ in range(nights)]
        sessions = tuple(tuple(day + rng.gauss(0, spreads.process) for _ in range(2)) for day in days)
        self._rng, self._truth, self._today, self._spreads = rng, truth, today, spreads
        self._settings = settings
        self.test = test
        self.view = baseline(anchor=anchor, sessions=sessions, provenance=KNOWN)
        self.measurements: list[Measurement] = []
        self.changes: list[float] = []
        self._before = 0
        self._compared: Compared | None = None

    def against_stored(self, processes: int, learning: Learning | None = None) -> Ruling:
        """The ruling of the stored comparison after so many processes, where a duet can follow."""
        self._measure(processes)
        self._before = processes
        compared = Compared(self.measurements, self.view, provenance=KNOWN)
        self._compared = learning.taught(compared) if learning else compared
        return judge(self._compared, Procedure(self._settings.rounds, 12, confirmed=True))

    def measure_pairs(self, pairs: int) -> None:
        """Measure until there are so many pairs."""
        while len(self.changes) < pairs:
            self.changes.append(self._rng.gauss(self._truth, self._spreads.pair))

    def in_pairs(
        self, pairs: int, checks: int = 1, looks: Sequence[int] | None = None, expected: Spread = UNKNOWN
    ) -> Ruling:
        """The ruling after so many pairs of a duet that confirms ``checks``."""
        self.measure_pairs(pairs)
        procedure = Procedure(self._settings.rounds, 12)
        duet = Duet(
            "commit abc", tuple(looks or looks_of_duet(self._settings.pairs, 1)), checks, changes=tuple(self.changes),
            pairs=pairs, before=self._before, expected=expected,
        )  # fmt: skip
        compared = self._compared or Compared(self.measurements, self.view, provenance=KNOWN)
        return judge(compared, procedure, duet)

    def _measure(self, processes: int) -> None:
        while len(self.measurements) < processes:
            log_ratio = self._today + self._rng.gauss(0, self._spreads.process)
            one = measurement(len(self.measurements) + 1, log_ratio=log_ratio)
            self.measurements.append(replace(one, test=self.test))


def whole(rng: random.Random, truth: float, spreads: Spreads) -> Ended:
    """How one check ends by the whole procedure, alone in its session."""
    return session(rng, [truth], spreads)[0]


def session(
    rng: random.Random,
    truths: Sequence[float],
    spreads: Spreads,
    *,
    nights: int = 0,
    unlike: float = 0.0,
    settings: Settings = DEFAULTS,
) -> list[Ended]:
    """How the checks of a session end, each of a test of its own, that changed by ``truths``.

    ``unlike``: how far models differ in their spreads, as a standard deviation in log.
    """
    checks = []
    for number, truth in enumerate(truths):
        factor = math.exp(rng.gauss(0, unlike))
        own = Spreads(factor * spreads.process, factor * spreads.day, factor * spreads.pair)
        checks.append(SimulatedCheck(rng, truth, own, settings, test=f"t{number}", nights=nights))
    views = {CheckKey(check.test, "latency"): check.view for check in checks}
    learning = Learning(Nights(), views.get, views)
    ended: dict[str, Ended] = {}
    open_, duet = list(checks), []
    for processes in range(1, settings.rounds[-1] + 1):
        told = [(check, check.against_stored(processes, learning)) for check in open_]
        for check, ruling_ in told:
            if ruling_.event is Event.DECIDED:
                ended[check.test] = Ended(ruling_.judgement.verdict, processes, 0)
        duet += [check for check, ruling_ in told if ruling_.event is Event.ESCALATED]
        open_ = [check for check, ruling_ in told if ruling_.event is Event.UNDECIDED]
    looks, left, pairs = looks_of_duet(settings.pairs, len(duet)), list(duet), Others()
    for number in range(1, looks[-1] + 1):
        for check in left:
            check.measure_pairs(number)
            pairs.show(check.test, "latency", 0.0, of_sample(check.changes))
        told = [(check, check.in_pairs(number, len(duet), looks, pairs.expected(check.test, 0.0))) for check in left]
        for check, ruling_ in told:
            if ruling_.event is Event.DECIDED:
                ended[check.test] = Ended(ruling_.judgement.verdict, len(check.measurements), number)
        left = [check for check, ruling_ in told if ruling_.event is not Event.DECIDED]
    return [ended[check.test] for check in checks]

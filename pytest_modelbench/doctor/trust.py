"""The smallest band that a machine can be trusted with: the gate's own procedure, run on what unchanged code measured.

Sessions are drawn from the processes of a trial, by a seeded bootstrap, and judged as any session is. A band is
trustworthy if nearly all of them come out ok.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pytest_modelbench.core.bands import Band
from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.measurement import Measurement, Quality, RelativeTime
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import BaselineView, Verdict
from pytest_modelbench.doctor.trial import Measured
from pytest_modelbench.judge.comparison import DAY_FLOOR
from pytest_modelbench.judge.judging import judge
from pytest_modelbench.judge.procedure import Compared, Duet, Procedure, looks_of_duet
from pytest_modelbench.judge.state import Event

#: The bands that are tried: what people write.
BANDS = (0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.10, 0.15, 0.20, 0.30)
#: Share of sessions of unchanged code that have to come out ok.
TRUSTED = 0.95
#: Sessions drawn. With 300, a true share of 0.95 is told to 0.013; the steps between bands are coarser than that.
DRAWS = 300
#: Processes below which a spread between them is a guess.
FEWEST = 4

_SEED = 20
_SETTINGS = Settings()
_CASE = NamedCase("trial")
_LATENCY = METRICS["latency"]
#: What comes out of one drawn session of unchanged code, by the band.
DrawnSession = Callable[[float], Verdict]


@dataclass(frozen=True, slots=True)
class Noise:
    """How far apart processes of unchanged code are in one case, and what can be trusted for all that. None: unknown.

    Spreads are standard deviations of logs: 0.01 is 1 %. ``smallest_band`` is against a stored baseline,
    ``smallest_duet_band`` side by side; both None where even the widest band tried is too narrow, or with fewer than
    `FEWEST` processes.
    """

    case: str
    processes: int
    disturbed: int  #: processes that said so themselves
    median_s: float
    process_sd: float | None  #: of log ratios, with the reference workload taken out
    raw_sd: float | None  #: of seconds
    smallest_band: float | None
    smallest_duet_band: float | None

    @property
    def told(self) -> bool:
        """Whether there were enough processes to tell bands."""
        return self.processes >= FEWEST


def noise(case: str, measured: Sequence[Measured], draws: int = DRAWS) -> Noise:
    """The noise of a case with at least one process."""
    log_ratios = [one.log_ratio for one in measured]
    logs = [math.log(one.latency_s) for one in measured]
    several = len(measured) > 1
    stored = beside = None
    if len(measured) >= FEWEST:
        pool = TrialPool(measured)
        stored = smallest_band([stored_session(pool, f"{_SEED}-{number}") for number in range(draws)])
        beside = smallest_band([duet_session(pool, f"{_SEED}-{number}") for number in range(draws)])
    return Noise(
        case,
        len(measured),
        sum(bool(one.unhealthy) for one in measured),
        statistics.median(one.latency_s for one in measured),
        statistics.stdev(log_ratios) if several else None,
        statistics.stdev(logs) if several else None,
        stored,
        beside,
    )


def smallest_band(sessions: Sequence[DrawnSession]) -> float | None:
    """The first of `BANDS` with which `TRUSTED` of ``sessions`` come out ok; None if none is wide enough.

    Each band meets the same sessions, so that a wider one never does worse for chance alone.
    """
    # The widest first: where nothing is wide enough, judging is slow, and need not be done for each.
    if not _trusted(sessions, BANDS[-1]):
        return None
    too_narrow, wide_enough = -1, len(BANDS) - 1
    while wide_enough - too_narrow > 1:
        middle = (too_narrow + wide_enough) // 2
        if _trusted(sessions, BANDS[middle]):
            wide_enough = middle
        else:
            too_narrow = middle
    return BANDS[wide_enough]


def _trusted(sessions: Sequence[DrawnSession], band: float) -> bool:
    failures, most = 0, math.floor((1 - TRUSTED) * len(sessions) + 1e-9)
    for session in sessions:
        failures += session(band) is not Verdict.OK
        if failures > most:
            return False
    return True


class TrialPool:
    """The processes of a trial, to draw from with replacement."""

    def __init__(self, measured: Sequence[Measured]) -> None:
        n = len(measured)
        # Deviations from the mean of n are smaller than from the truth; a bootstrap of few would be too sure.
        stretch = math.sqrt(n / (n - 1))
        logs = [math.log(one.latency_s) for one in measured]
        log_ratio, log = statistics.fmean(one.log_ratio for one in measured), statistics.fmean(logs)
        self._measured = [
            Measured(stretch * (one.log_ratio - log_ratio), math.exp(log + stretch * (raw - log)), one.unhealthy)
            for one, raw in zip(measured, logs, strict=True)
        ]

    def day(self, processes: int, chance: random.Random) -> list[Measured]:
        """A session of so many processes on a day of its own, which moves them all alike."""
        moved = chance.gauss(0, DAY_FLOOR)
        return [
            Measured(one.log_ratio + moved, one.latency_s * math.exp(moved), one.unhealthy)
            for one in chance.choices(self._measured, k=processes)
        ]


def stored_session(pool: TrialPool, seed: str) -> DrawnSession:
    """A session that is held against a stored baseline, both drawn by ``seed``: what the comparison says at last."""
    chance = random.Random(seed)
    baseline = _baseline(pool.day(_SETTINGS.update_rounds, chance))
    tonight = pool.day(_SETTINGS.rounds[-1], chance)

    def verdict(band: float) -> Verdict:
        measurements = [_measurement(one, band) for one in tonight]
        for look in _SETTINGS.rounds:
            ruling = judge(Compared(measurements[:look], baseline), Procedure(_SETTINGS.rounds))
            if ruling.event is Event.DECIDED:
                break
        return ruling.judgement.verdict

    return verdict


def duet_session(pool: TrialPool, seed: str) -> DrawnSession:
    """A session by duet: what it says at last, if a pair were two processes drawn independently.

    That is pessimistic: the two of a pair take turns within milliseconds, and share more than a reference tells.
    """
    day = pool.day(2 * _SETTINGS.pairs[-1], random.Random(seed))
    changes = [candidate.log_ratio - base.log_ratio for base, candidate in zip(day[::2], day[1::2], strict=True)]
    return session_of_pairs(changes, looks_of_duet(_SETTINGS.pairs, 1))


def session_of_pairs(changes: Sequence[float], looks: tuple[int, ...], checks: int = 1) -> DrawnSession:
    """A session by duet in which one of ``checks`` changed so in each pair, in log: what it says at last."""
    one = Measured(0.0, 1.0)
    baseline = _baseline([one])

    def verdict(band: float) -> Verdict:
        compared = Compared([_measurement(one, band)], baseline)
        for look in looks:
            duet = Duet("itself", looks, checks, stored=False, changes=tuple(changes[:look]), pairs=look)
            ruling = judge(compared, Procedure(), duet)
            if ruling.event is Event.DECIDED:
                break
        return ruling.judgement.verdict

    return verdict


def _measurement(one: Measured, band: float) -> Measurement:
    metric = replace(_LATENCY, band=Band(band))
    timing = RelativeTime(one.log_ratio, one.reference_s)
    return Measurement(metric.name, metric, _CASE, one.latency_s, timing, quality=Quality(one.unhealthy))


def _baseline(day: Sequence[Measured]) -> BaselineView:
    """The baseline that a session with these processes would have left."""
    return BaselineView(
        _CASE.id, _LATENCY.unit, _LATENCY.better, statistics.median(one.latency_s for one in day),
        anchor=tuple(one.log_ratio for one in day), identity={},
        reference_log_s=statistics.fmean(math.log(one.reference_s) for one in day),
    )  # fmt: skip

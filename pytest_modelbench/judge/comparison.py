"""The comparison of noisy measurements with a stored baseline, on logs.

The process is the unit of replication: every number here is the log ratio of one process (`Timing.log_ratio`), a level
for short, and a session is the list of its processes' levels. Two components of variance are told apart, between
processes of one session and between sessions (days). Source of the approximation for the degrees of freedom:
Satterthwaite, Biometrics Bulletin 2 (1946), 110-114.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from pytest_modelbench.judge.estimate import Estimate

Levels = Sequence[float]

#: Least spread between days that is believed, in log: a machine's clocks, layout of memory and neighbours move by this
#: much on the quietest machine tried (0.3-0.6 %), and one or two stored sessions cannot show it.
DAY_FLOOR = 0.005
#: How far that floor is trusted, in degrees of freedom: as much as five sessions would be.
DAY_FLOOR_DOF = 4.0
#: Least spread between processes that is believed, in log: two processes that agree by chance prove nothing.
PROCESS_FLOOR = 0.001
#: Share of a change of the machine's speed that the reference workload may fail to take out. Processes whose reference
#: ran 5-9 % slower had levels up to 2 % off (six models; `tests/trials/reference_mix.py`).
UNCANCELLED = 0.25
#: Beyond this change of the machine's speed, in log, levels say nothing: with a busy neighbour on the same physical
#: core the reference lost 20-30 %, and mobilenetv3_small 30-70 % (`tests/trials/neighbour.py`).
MOST_DRIFT = 0.10


@dataclass(frozen=True, slots=True)
class Comparison:
    """Tonight's mean level less the baseline's, and the two spreads that say how well it is known."""

    change: Estimate
    process_sd: float
    day_sd: float
    processes: int  #: tonight's

    def after(self, processes: int) -> Estimate:
        """The change if it stayed where it is in so many processes: what days and drift leave open does not shrink."""
        variance = self.change.se**2 + self.process_sd**2 * (1 / processes - 1 / self.processes)
        return Estimate(self.change.theta, math.sqrt(variance), self.change.dof)


def compare(tonight: Levels, anchor: Levels, others: Sequence[Levels] = (), drift: float = 0.0) -> Comparison:
    """Difference of ``tonight`` to the session ``anchor``; ``others`` only help to learn how much sessions vary.

    se^2 = s_p^2 (1/n + 1/n_a) + 2 sigma_d^2 + (drift / 4)^2, with n processes tonight and n_a in the anchor, each a day
    of its own; s_p is pooled within all sessions, sigma_d estimated from the means of the stored ones, with a floor;
    ``drift`` is how much slower, in log, the machine itself was tonight. One process on each side leaves no degree of
    freedom between processes: then the bounds are as wide as one degree allows.
    """
    sessions = [anchor, *others]
    if not tonight or not all(sessions):
        raise ValueError("a comparison needs at least one process in every session")
    process_var, process_dof = _pooled_variance([tonight, *sessions])
    day_var, day_dof = _between_days(sessions, process_var)
    parts = [
        (process_var * (1 / len(tonight) + 1 / len(anchor)), process_dof),
        (2 * day_var, day_dof),
        ((UNCANCELLED * drift) ** 2, DAY_FLOOR_DOF),
    ]
    total = sum(part for part, _ in parts)
    dof = total**2 / sum(part**2 / dof for part, dof in parts)
    change = Estimate(fmean(tonight) - fmean(anchor), math.sqrt(total), dof)
    return Comparison(change, math.sqrt(process_var), math.sqrt(day_var), len(tonight))


def _pooled_variance(sessions: Sequence[Levels]) -> tuple[float, float]:
    """Variance between processes of one session, pooled, and its degrees of freedom."""
    dof = sum(len(levels) - 1 for levels in sessions)
    if dof <= 0:
        # Nothing replicated anywhere: assume the noisiest machine measured (4.5 %), on one degree of freedom.
        return 0.045**2, 1.0
    squares = sum(variance(levels) * (len(levels) - 1) for levels in sessions if len(levels) > 1)
    return max(squares / dof, PROCESS_FLOOR**2), float(dof)


def _between_days(sessions: Sequence[Levels], process_var: float) -> tuple[float, float]:
    """Variance between sessions beyond what their processes explain, with degrees of freedom; never below the floor."""
    days = len(sessions)
    floor = DAY_FLOOR**2
    if days < 2:
        return floor, DAY_FLOOR_DOF
    means = [fmean(levels) for levels in sessions]
    explained = process_var * fmean(1 / len(levels) for levels in sessions)
    learned = variance(means) - explained
    if learned <= floor:
        return floor, max(DAY_FLOOR_DOF, days - 1.0)
    return learned, days - 1.0

"""The comparison of noisy measurements with a stored baseline, on logs.

The process is the unit of replication: every number here is the log ratio of one process, as
`core.measurement.Measurement` has it, and a session is the list of its processes' log ratios. Two components of
variance are told apart, between processes of one session and between sessions (days). Source of the approximation for
the degrees of freedom: Satterthwaite, Biometrics Bulletin 2 (1946), 110-114.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from pytest_modelbench.judge.estimate import Estimate
from pytest_modelbench.judge.spread import Spread, between_sessions, of_sample, pooled

LogRatios = Sequence[float]

#: Least spread between days that is believed, in log: a machine's clocks, layout of memory and neighbours move by this
#: much on the quietest machine tried (0.3-0.6 %).
DAY_FLOOR = 0.005
#: What is believed of days beforehand, and as how many degrees of freedom: that they are as quiet, as five sessions
#: would tell. Where nothing else can decide, and where it is not the code that is in question.
QUIET_DAYS = Spread(DAY_FLOOR**2, 4.0)
#: Where a duet can follow: machines that were tried have 0.3 to 4 %, and known so badly, it clears nothing by itself
#: (`tests/trials/procedure_rates.py`).
RESTLESS_DAYS = Spread(0.01**2, 1.0)
#: How well `UNCANCELLED` is known, in degrees of freedom: as five machines would tell.
_DRIFT_DOF = 4.0
#: Least spread between processes that is believed, in log: two processes that agree by chance prove nothing.
PROCESS_FLOOR = 0.001
#: Share of a change of the machine's speed that the reference workload may fail to take out. Processes whose reference
#: ran 5-9 % slower had log ratios up to 2 % off (six models; `tests/trials/reference_mix.py`).
UNCANCELLED = 0.25
#: Beyond this change of the machine's speed, in log, log ratios say nothing: with a busy neighbour on the same physical
#: core the reference lost 20-30 %, and mobilenetv3_small 30-70 % (`tests/trials/neighbour.py`).
MOST_DRIFT = 0.10


@dataclass(frozen=True, slots=True)
class Comparison:
    """Tonight's mean log ratio less the baseline's, and the two spreads that say how well it is known."""

    change: Estimate
    process_sd: float
    day_sd: float
    processes: int  #: tonight's

    def after(self, processes: int) -> Estimate:
        """The change if it stayed where it is in so many processes: what days and drift leave open does not shrink."""
        variance = self.change.se**2 + self.process_sd**2 * (1 / processes - 1 / self.processes)
        return Estimate(self.change.theta, math.sqrt(variance), self.change.dof)


def compare(
    tonight: LogRatios,
    anchor: LogRatios,
    others: Sequence[LogRatios] = (),
    drift: float = 0.0,
    days: Spread = QUIET_DAYS,
) -> Comparison:
    """Difference of ``tonight`` to the session ``anchor``; ``others``, of the same code, tell how much sessions vary.

    se^2 = s_p^2 (1/n + 1/n_a) + 2 sigma_d^2 + (drift / 4)^2, with n processes tonight and n_a in the anchor, each a day
    of its own; s_p is pooled within all sessions, sigma_d estimated from the means of the stored ones together with
    what ``days`` makes expect of it, and never below a floor; ``drift`` is how much slower, in log, the machine itself
    was tonight. One process on each side leaves no degree of freedom between processes: then the bounds are as wide as
    one degree allows.
    """
    sessions = [anchor, *others]
    if not tonight or not all(sessions):
        raise ValueError("a comparison needs at least one process in every session")
    within = between_processes([tonight, *sessions])
    between = pooled([days, between_sessions(sessions, within.variance)])
    day_var = max(between.variance, DAY_FLOOR**2)
    parts = [
        (within.variance * (1 / len(tonight) + 1 / len(anchor)), within.dof),
        (2 * day_var, between.dof),
        ((UNCANCELLED * drift) ** 2, _DRIFT_DOF),
    ]
    total = sum(part for part, _ in parts)
    dof = total**2 / sum(part**2 / dof for part, dof in parts)
    change = Estimate(fmean(tonight) - fmean(anchor), math.sqrt(total), dof)
    return Comparison(change, math.sqrt(within.variance), math.sqrt(day_var), len(tonight))


def between_processes(sessions: Sequence[LogRatios]) -> Spread:
    """How far processes of one session spread, by all of them."""
    found = pooled(map(of_sample, sessions))
    if not found.dof:
        # Nothing replicated anywhere: assume the noisiest machine measured (4.5 %), on one degree of freedom.
        return Spread(0.045**2, 1.0)
    return replace(found, variance=max(found.variance, PROCESS_FLOOR**2))

"""What an A/A trial of somebody's own tests amounts to: how well each of their checks can be judged on this machine.

The trial is a session that compares the code with itself, side by side in pairs of processes.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_modelbench.core.reasons import Beside, PairsSoFar
from pytest_modelbench.core.session import Check, Outcome, Session
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.doctor.trust import DRAWS, FEWEST, TRUSTED, session_of_pairs, smallest_band
from pytest_modelbench.judge.estimate import Edges, detectable, repeated, spent
from pytest_modelbench.judge.procedure import ALPHA
from pytest_modelbench.judge.student import t_quantile

_SEED = 20


@dataclass(frozen=True, slots=True)
class Drawn:
    """What sessions of unchanged code come to whose pairs spread as they did here: shares of them.

    ``trusted_band`` is one with which nearly all are ok: the check's own, or the first wider one; None if none that was
    tried is wide enough.
    """

    ok: float
    alarms: float
    trusted_band: float | None


@dataclass(frozen=True, slots=True)
class OwnCheck:
    """How well one noisy check can be judged. What takes more pairs than were measured is None."""

    test: str
    name: str
    case: str
    value: float
    unit: str
    band: float  #: as a share
    pairs: int
    disturbed: int  #: pairs that were
    verdict: Verdict  #: on the code beside itself
    spread: float | None  #: of the differences of pairs, standard deviation of logs
    found_ratio: float | None  #: the smallest change that a session would have found, with 80 % probability
    drawn: Drawn | None


@dataclass(frozen=True, slots=True)
class OwnTrial:
    """An A/A trial of somebody's own tests.

    ``exact`` counts the checks that do not vary; those that did ``vary`` all the same are told by test and name.
    ``failures`` and ``skipped`` say why, by test.
    """

    environment: str
    checks: tuple[OwnCheck, ...]
    exact: int
    vary: tuple[tuple[str, str], ...]
    failures: dict[str, str]
    skipped: dict[str, str]
    looks: tuple[int, ...]
    duration_s: float
    interrupted: bool

    @property
    def pairs(self) -> int:
        """The most pairs that any check was measured in."""
        return max((one.pairs for one in self.checks), default=1)

    @property
    def alarms(self) -> int:
        """How many noisy checks were called regressed, beside the very same code."""
        return sum(one.verdict is Verdict.REGRESSED for one in self.checks)


def own_trial(session: Session, looks: tuple[int, ...], draws: int = DRAWS) -> OwnTrial:
    """What the ``session`` tells, which compared code with itself, of one that looks after so many pairs."""
    noisy = [check for check in session.checks if check.metric.noisy]
    exact = [check for check in session.checks if not check.metric.noisy]
    apart = [check for check in exact if check.judgement.verdict not in (Verdict.OK, Verdict.NEW)]
    failed = [test for test in session.tests if test.outcome is Outcome.FAILED and not test.by_verdict]
    # A pair that compared nothing has no check that failed.
    measured = {check.key.test for check in session.checks}
    failed += [test for test in session.tests if test.by_verdict and test.test not in measured]
    return OwnTrial(
        session.environment.name if session.environment else "",
        tuple(_own(check, looks, len(noisy), draws) for check in noisy),
        len(exact),
        tuple((check.key.test, check.key.name) for check in apart),
        {test.test: _first_line(test.message) for test in failed},
        {test.test: _first_line(test.message) for test in session.tests if test.outcome is Outcome.SKIPPED},
        looks,
        session.duration_s,
        session.interrupted,
    )


def _own(check: Check, looks: tuple[int, ...], checks: int, draws: int) -> OwnCheck:
    judgement, known = check.judgement, check.judgement.baseline or check.judgement.value
    band = check.metric.band.ratio(known)
    spread = _spread(check)
    found = drawn = None
    if spread is not None and judgement.pairs >= FEWEST:
        alpha = spent(ALPHA / checks, looks, looks[-1])
        found = math.exp(detectable(repeated(0.0, spread, looks[-1]), Edges.of_band(band), alpha))
        drawn = _drawn(spread, band, looks, checks, draws)
    told = [one.disturbed for one in judgement.reasons if isinstance(one, (Beside, PairsSoFar))]
    return OwnCheck(
        check.key.test, check.key.name, check.case.id, judgement.value, check.metric.unit, band, judgement.pairs,
        max(told, default=0), judgement.verdict, spread, found, drawn,
    )  # fmt: skip


def _spread(check: Check) -> float | None:
    """Standard deviation of what pairs differ by, in log, as the interval that holds their mean with 95 % has it."""
    judgement = check.judgement
    if judgement.pairs < 2 or not judgement.low_ratio or not judgement.high_ratio:
        return None
    half = math.log(judgement.high_ratio / judgement.low_ratio) / 2
    return half / t_quantile(0.975, judgement.pairs - 1) * math.sqrt(judgement.pairs)


def _drawn(spread: float, band: float, looks: Sequence[int], checks: int, draws: int) -> Drawn:
    chance = random.Random(_SEED)
    sessions = [
        session_of_pairs([chance.gauss(0, spread) for _ in range(looks[-1])], tuple(looks), checks)
        for _ in range(draws)
    ]
    ended = Counter(session(band) for session in sessions)
    ok = (ended[Verdict.OK] + ended[Verdict.IMPROVED]) / draws
    # The search takes longer than all the rest, and is of use where the check's own band is too narrow.
    return Drawn(ok, ended[Verdict.REGRESSED] / draws, band if ok >= TRUSTED else smallest_band(sessions))


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")

"""How far days differ in one environment, as far as anything tells: nights, stored sessions, and this very session.

A commit changes few models, so that what the others do tonight says how tonight differs from the days that baselines
are from; what really changed stands out, and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import fmean, median

from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.verdicts import BaselineView
from pytest_modelbench.judge.comparison import LogRatios, between_processes
from pytest_modelbench.judge.judging import obstacle_to_comparison
from pytest_modelbench.judge.procedure import Compared
from pytest_modelbench.judge.spread import UNKNOWN, Others, Spread, between_sessions, pooled, speed
from pytest_modelbench.judge.stored import SURELY_CHANGED, days_apart
from pytest_modelbench.store.nights import Nights

Stored = Callable[[CheckKey], BaselineView | None]


class Learning:
    """What checks have shown, for each check that is judged.

    ``stored`` finds the entry of a check, and ``keys`` are those that have one in this environment.
    """

    def __init__(self, nights: Nights, stored: Stored, keys: Iterable[CheckKey]) -> None:
        self._nights = nights
        self._stored = stored
        self._keys = keys
        self._before: dict[CheckKey, Spread] = {}
        self._other_code: dict[CheckKey, Spread] = {}
        self._earlier = Others()  #: what earlier sessions tell of every check,
        self._others: Others | None = None  #: and this one

    def taught(self, compared: Compared) -> Compared:
        """``compared`` with what is known of its days, and of it what it teaches the others."""
        baseline, key = compared.baseline, compared.measurements[-1].key
        if baseline is None or not (compared.metric.noisy and baseline.anchor):
            return compared
        others = self._known_others()
        sessions = (*baseline.sessions, *self._nights_of(key, baseline))
        log_s = speed(baseline.value, baseline.unit)
        own = self._under_other_code(key, baseline)
        days = pooled([own, others.expected(key.test, log_s)])
        before = pooled([own, self._earlier.expected(key.test, log_s)])
        away = self._nights.away_in_a_row(key, baseline.accepted)
        taught = replace(
            compared, baseline=replace(baseline, sessions=sessions), days=days, days_before=before, away_before=away
        )
        calm = not baseline.disturbed and obstacle_to_comparison(taught) is None
        if calm and (tonight := days_apart(taught)) is not None:
            others.show(*key, log_s, pooled([self._before.get(key, UNKNOWN), tonight]))
        return taught

    def _known_others(self) -> Others:
        """What earlier sessions tell of every check; looked up once something noisy is judged."""
        if self._others is None:
            self._others = Others()
            for key in self._keys:
                baseline = self._stored(key)
                if baseline is None or not baseline.anchor or baseline.disturbed:
                    continue
                sessions = [baseline.anchor, *baseline.sessions, *self._nights_of(key, baseline)]
                before = pooled([_apart(sessions), self._under_other_code(key, baseline)])
                if before.dof:
                    self._before[key] = before
                    for others in (self._earlier, self._others):
                        others.show(*key, speed(baseline.value, baseline.unit), before)
        return self._others

    def _nights_of(self, key: CheckKey, baseline: BaselineView) -> list[tuple[float, ...]]:
        """Log ratios of the nights that ran the very code of the baseline, and are not in it by now."""
        found = self._nights.of_baseline(key, baseline.accepted)
        nights = [tuple(processes.log_ratios) for _, processes in found.values()]
        center = fmean(baseline.anchor)
        return [night for night in _believable(nights, center) if night not in baseline.sessions]

    def _under_other_code(self, key: CheckKey, baseline: BaselineView) -> Spread:
        """How far nights of other states of the code differ, those of each state among themselves."""
        if key not in self._other_code:
            groups = self._nights.of_other_code(key, baseline.accepted)
            believed = [_believable(days, median(map(fmean, days))) for days in groups]
            self._other_code[key] = pooled(_apart(days) for days in believed if days)
        return self._other_code[key]


def _believable(days: Iterable[tuple[float, ...]], center: float) -> list[tuple[float, ...]]:
    """Those of ``days`` that are no farther from ``center`` than days are: a damaged file may say anything."""
    return [day for day in days if abs(fmean(day) - center) < SURELY_CHANGED]


def _apart(sessions: Sequence[LogRatios]) -> Spread:
    """How far sessions of one code differ beyond what their processes explain."""
    return between_sessions(sessions, between_processes(sessions).variance)

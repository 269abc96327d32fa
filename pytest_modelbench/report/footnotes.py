"""Marks in the table, and a footnote for each: where a change is not what the two values beside it say, and why, and
where a value is less the device's than the CPU's that launches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from enum import Enum

from pytest_modelbench.core.measurement import ENQUEUE, ENQUEUE_SHARE, Measurement
from pytest_modelbench.core.reasons import EnvironmentMoved, MachineMoved, MeasuredAgain, UnknownWhetherAway
from pytest_modelbench.core.session import Check
from pytest_modelbench.core.verdicts import Judgement, Verdict
from pytest_modelbench.judge.stored import machine_drift
from pytest_modelbench.report.scale import percent

#: Below, the machine is called as fast as before: the reference workload itself repeats no better.
SAME_SPEED = 0.01
#: Two values whose ratio is this near to the change read as if they said the same.
_READS_ALIKE = 0.01
#: Share of a time that launching takes where it is what the device waits for.
_BOUND_BY_LAUNCHING = 0.8


class Mark(Enum):
    """The sign in the table: why a change differs from what its two values say, or what a value is bound by."""

    MACHINE = "*"  #: the machine's own speed is left out of the change
    PAIRS = "†"  #: pairs of processes tell the change, measured side by side; the stored value has no part in it
    LAUNCHING = "‡"  #: the value is what the CPU takes to launch it


def behind(check: Check) -> Sequence[Measurement]:
    """What the value of ``check`` rests on."""
    return check.measurements[-check.judgement.afresh :]


def machine_time(check: Check) -> float | None:
    """What the reference workload took, at the baseline 1.0: more on a slower machine; None if that is unknown."""
    drift = machine_drift(behind(check), check.baseline) if check.baseline and check.measurements else None
    return None if drift is None else math.exp(drift)


def told_by_pairs(judgement: Judgement) -> bool:
    """Whether the change is that of pairs of processes, and not of the values from what is stored.

    Where the pairs clear the code and the time is away from what is stored all the same, it is the latter.
    """
    away = any(map(judgement.because, (MeasuredAgain, UnknownWhetherAway, EnvironmentMoved, MachineMoved)))
    return bool(judgement.pairs) and (not away or judgement.machine_moved is not None)


def mark(check: Check) -> Mark | None:
    """The mark that the change of ``check`` needs; None where a reader gets about the same from the two values."""
    judgement = check.judgement
    if not (check.metric.noisy and judgement.ratio and judgement.baseline and judgement.value > 0):
        return None
    if judgement.verdict is Verdict.INCOMPARABLE or (check.baseline and check.baseline.unit != check.metric.unit):
        return None
    plain = judgement.value / judgement.baseline
    low, high = judgement.low_ratio or judgement.ratio, judgement.high_ratio or judgement.ratio
    if low <= plain <= high or abs(plain / judgement.ratio - 1) <= _READS_ALIKE:
        return None
    if told_by_pairs(judgement):
        return Mark.PAIRS
    time = machine_time(check)
    return Mark.MACHINE if time is not None and abs(time - 1) >= SAME_SPEED else None


def launching_s(check: Check) -> float | None:
    """Seconds that the CPU takes to launch what ``check`` timed, if an accelerator waits for that; else None."""
    told = check.measurements[-1].figures if check.measurements else {}
    spent_s, share = told.get(ENQUEUE), told.get(ENQUEUE_SHARE)
    if not (check.metric.noisy and isinstance(spent_s, float) and isinstance(share, float)):
        return None
    return spent_s if share >= _BOUND_BY_LAUNCHING else None


def value_mark(check: Check) -> Mark | None:
    """The mark that the value of ``check`` needs."""
    return None if launching_s(check) is None else Mark.LAUNCHING


def footnotes(checks: Iterable[Check], of: Sequence[Callable[[Check], Mark | None]] = (mark, value_mark)) -> list[str]:
    """A line for each mark ``of`` their changes and values that ``checks`` need."""
    marked: dict[Mark, list[Check]] = {}
    for check in checks:
        for found in (needed(check) for needed in of):
            if found is not None:
                marked.setdefault(found, []).append(check)
    return [f"{one.value} {_TEXTS[one](marked[one])}" for one in Mark if one in marked]


def speed(time: float) -> str:
    """``33.5% faster`` for a machine whose reference workload took 0.665 of what it did."""
    return f"{percent(1 + abs(time - 1)).lstrip('+')} {'slower' if time > 1 else 'faster'}"


def _machine(checks: Sequence[Check]) -> str:
    times = sorted(time for check in checks if (time := machine_time(check)) is not None)
    nearest, farthest = sorted((times[0], times[-1]), key=lambda time: abs(time - 1))
    how = speed(farthest)
    if speed(nearest) != how:
        # One side of 1.0: the smaller share first, and its direction once.
        alike = (nearest > 1) == (farthest > 1)
        how = f"{speed(nearest).partition(' ')[0] if alike else speed(nearest)} to {how}"
    return f"the machine ran {how} than for the baseline; the change is corrected for that"


def _pairs(checks: Sequence[Check]) -> str:
    if any(check.baseline and check.baseline.accepted for check in checks):
        return "measured beside the baseline's code in pairs of processes, not against the stored value"
    return "measured in pairs of processes, and the median over these"


def _launching(checks: Sequence[Check]) -> str:
    del checks
    return "the device waits for the CPU to launch its work: this is the speed of the CPU"


_TEXTS = {Mark.MACHINE: _machine, Mark.PAIRS: _pairs, Mark.LAUNCHING: _launching}

"""Verdicts on deterministic measurements by what they were made of: the same samples, or the same numbers, compared.

Up is better throughout: these metrics are accuracies, or outputs, of which any change counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from pytest_modelbench.core.estimate import paired
from pytest_modelbench.core.evidence import Evidence, Kind
from pytest_modelbench.core.student import t_quantile
from pytest_modelbench.core.verdicts import ALPHA

#: Beyond, binomial coefficients get long and the normal approximation is good to three digits.
_EXACT_UP_TO = 1000


@dataclass(frozen=True, slots=True)
class PairedChange:
    """How the mean over the same samples changed.

    ``low`` and ``high`` hold it with 95 % confidence; ``worse`` and ``better`` say whether chance explains it no more,
    each one-sided at `ALPHA`. ``lost`` and ``won`` count samples.
    """

    mean: float
    low: float
    high: float
    lost: int
    won: int
    samples: int
    worse: bool
    better: bool

    @property
    def text(self) -> str:
        """``2 of 100 samples lost, 1 won: -1.0 pp (95 % sure: -4.4 to +2.4)``."""
        return (
            f"{self.lost} of {self.samples} samples lost, {self.won} won: {100 * self.mean:+.1f} pp "
            f"(95 % sure: {100 * self.low:+.1f} to {100 * self.high:+.1f})"
        )


def paired_change(then: Evidence, now: Evidence) -> PairedChange | None:
    """The change between two measurements of the same samples; None if they are not that."""
    if then.kind is not now.kind or len(then.values) != len(now.values) or then.kind is Kind.NUMBERS:
        return None
    changes = [new - old for old, new in zip(then.values, now.values, strict=True)]
    return _of_hits(changes) if then.kind is Kind.HITS else _of_scores(changes)


def _of_hits(changes: Sequence[float]) -> PairedChange:
    """McNemar's exact test (Psychometrika 12 (1947), 153-157), and the interval of Agresti and Min.

    The interval adds half a sample to each kind of change (Statistics in Medicine 24 (2005), 729-740), so that it says
    something also where no sample changed.
    """
    lost, won, n = sum(change < 0 for change in changes), sum(change > 0 for change in changes), len(changes)
    middle = (won - lost) / (n + 2)
    spread = math.sqrt(max(0.0, (won + lost + 1) - (won - lost) ** 2 / (n + 2))) / (n + 2)
    half = 1.96 * spread
    return PairedChange(
        (won - lost) / n, max(-1.0, middle - half), min(1.0, middle + half), lost, won, n,
        worse=_sign_test(lost, won) < ALPHA, better=_sign_test(won, lost) < ALPHA,
    )  # fmt: skip


def _sign_test(more: int, fewer: int) -> float:
    """Probability of at least ``more`` of ``more + fewer`` fair coins; 1 without any."""
    total = more + fewer
    if total > _EXACT_UP_TO:
        return 0.5 * math.erfc((more - fewer - 1) / math.sqrt(2 * total))
    return sum(math.comb(total, k) for k in range(more, total + 1)) / float(2**total)


def _of_scores(changes: Sequence[float]) -> PairedChange:
    """Student's t over the samples."""
    lost, won, n = sum(change < 0 for change in changes), sum(change > 0 for change in changes), len(changes)
    if n < 2 or not (lost or won):
        mean = fmean(changes)
        return PairedChange(mean, mean, mean, lost, won, n, worse=n < 2 and lost > 0, better=n < 2 and won > 0)
    change = paired(changes)
    half = t_quantile(0.975, change.dof) * change.se
    return PairedChange(
        change.theta, change.theta - half, change.theta + half, lost, won, n,
        worse=change.upper(ALPHA) < 0, better=change.lower(ALPHA) > 0,
    )  # fmt: skip


def largest_deviation(then: Evidence, now: Evidence) -> float | None:
    """How far the numbers of two outputs are apart at most; None if they are not comparable."""
    if then.kind is not Kind.NUMBERS or now.kind is not Kind.NUMBERS or len(then.values) != len(now.values):
        return None
    return max(abs(new - old) for old, new in zip(then.values, now.values, strict=True))

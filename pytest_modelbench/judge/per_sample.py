"""Verdicts on deterministic measurements by what they were made of: the same samples, or the same numbers, compared.

Up is better throughout: these metrics are accuracies, or outputs, of which any change counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from pytest_modelbench.core.observations import SCORE_STEPS, Observations, Observed
from pytest_modelbench.core.reasons import Objection, SamplesChanged
from pytest_modelbench.core.sample_names import SampleNames, sample_name
from pytest_modelbench.judge.estimate import paired
from pytest_modelbench.judge.procedure import ALPHA
from pytest_modelbench.judge.student import t_quantile

#: Beyond, binomial coefficients get long and the normal approximation is good to three digits.
_EXACT_UP_TO = 1000
#: Largest change of a figure that chance may excuse. Among few samples no test finds anything, whatever was lost; and a
#: class that only two images hold costs mIoU points if it is lost (one of VOC's 21 up to 4.8, of Cityscapes' 19 up to
#: 5.3), while it leaves most images as they are. Rounding on another machine moves it by thousandths of a point. A
#: single sample is excused at any size: below a hundred, it alone is more.
_MOST_EXCUSED = 0.01
#: Room for the rounding of decimal fractions: one sample in `MOST_SAMPLES` is far more.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class PairedChange:
    """How the mean over the same samples changed.

    ``low`` and ``high`` hold it with 95 % confidence; ``worse`` and ``better`` say whether chance explains it no more,
    each one-sided at `ALPHA`. ``lost`` and ``won`` are numbers of samples, from 0. ``step`` is how coarsely each is
    known, which of right and wrong is not at all, and ``most_excused`` the largest change of a figure that chance may
    excuse.
    """

    mean: float
    low: float
    high: float
    lost: tuple[int, ...]
    won: tuple[int, ...]
    samples: int
    worse: bool
    better: bool
    step: float
    most_excused: float

    def told(
        self, names: SampleNames | None, excused: bool | None = None, objection: Objection | None = None
    ) -> SamplesChanged:
        """The change as a reason, ``excused`` by chance or not; ``names`` are those of all samples."""
        known = names.unpacked() if names and (self.lost or self.won) else ()
        return SamplesChanged(
            len(self.lost), len(self.won), self.samples, self.mean, self.low, self.high,
            excused=excused, objection=objection,
            lost_names=tuple(sample_name(known, number) for number in self.lost),
            won_names=tuple(sample_name(known, number) for number in self.won),
            graded=self.step > 0,
        )  # fmt: skip

    def objection(self, change: float) -> Objection | None:
        """Why chance does not excuse that the figure moved by ``change``; None if it does.

        The figure need not be the mean: mIoU counts pixels of a class over all images, the samples are means of classes
        within each.
        """
        if abs(change) > self.most_excused + _ROUNDING:
            return Objection(limit=self.most_excused)
        surely = self.worse if change < 0 else self.better
        if surely:
            return Objection()
        # Scores move by less than a step unseen, and rounding alone may turn the sign of so small a mean.
        if abs(change) > self.step + _ROUNDING and change * self.mean <= 0:
            return Objection(unexplained=change)
        return None


def paired_change(then: Observations, now: Observations) -> PairedChange | None:
    """The change between two measurements of the same samples; None if they are not that."""
    if then.kind is not now.kind or len(then.values) != len(now.values) or then.kind is Observed.NUMBERS:
        return None
    changes = [new - old for old, new in zip(then.values, now.values, strict=True)]
    return _of_hits(changes) if then.kind is Observed.HITS else _of_scores(changes)


def _of_hits(changes: Sequence[float]) -> PairedChange:
    """McNemar's exact test (Psychometrika 12 (1947), 153-157), and the interval of Agresti and Min.

    The interval adds half a sample to each kind of change (Statistics in Medicine 24 (2005), 729-740), so that it says
    something also where no sample changed.
    """
    fell, rose = _moved(changes)
    lost, won, n = len(fell), len(rose), len(changes)
    middle = (won - lost) / (n + 2)
    spread = math.sqrt(max(0.0, (won + lost + 1) - (won - lost) ** 2 / (n + 2))) / (n + 2)
    half = 1.96 * spread
    return PairedChange(
        (won - lost) / n, max(-1.0, middle - half), min(1.0, middle + half), fell, rose, n,
        worse=_sign_test(lost, won) < ALPHA, better=_sign_test(won, lost) < ALPHA,
        step=0.0, most_excused=max(_MOST_EXCUSED, 1 / n),
    )  # fmt: skip


def _moved(changes: Sequence[float]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The numbers of the samples that fell, and of those that rose; what changed most comes first."""
    fell = sorted((number for number, change in enumerate(changes) if change < 0), key=lambda number: changes[number])
    rose = sorted((number for number, change in enumerate(changes) if change > 0), key=lambda number: -changes[number])
    return tuple(fell), tuple(rose)


def _sign_test(more: int, fewer: int) -> float:
    """Probability of at least ``more`` of ``more + fewer`` fair coins; 1 without any."""
    total = more + fewer
    if total > _EXACT_UP_TO:
        return 0.5 * math.erfc((more - fewer - 1) / math.sqrt(2 * total))
    return sum(math.comb(total, k) for k in range(more, total + 1)) / float(2**total)


def _of_scores(changes: Sequence[float]) -> PairedChange:
    """Student's t over the samples."""
    (lost, won), n = _moved(changes), len(changes)
    if n < 2 or not (lost or won):
        mean, step = fmean(changes), 1 / SCORE_STEPS
        return PairedChange(
            mean, mean - step, mean + step, lost, won, n, worse=n < 2 and bool(lost), better=n < 2 and bool(won),
            step=step, most_excused=_MOST_EXCUSED,
        )  # fmt: skip
    change = paired(changes)
    half = t_quantile(0.975, change.dof) * change.se
    return PairedChange(
        change.theta, change.theta - half, change.theta + half, lost, won, n,
        worse=change.upper(ALPHA) < 0, better=change.lower(ALPHA) > 0,
        step=1 / SCORE_STEPS, most_excused=_MOST_EXCUSED,
    )  # fmt: skip


def largest_deviation(then: Observations, now: Observations) -> float | None:
    """How far the numbers of two outputs are apart at most; None if they are not comparable."""
    if then.kind is not Observed.NUMBERS or now.kind is not Observed.NUMBERS or len(then.values) != len(now.values):
        return None
    return max(abs(new - old) for old, new in zip(then.values, now.values, strict=True))

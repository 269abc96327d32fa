"""What was measured: one value of one metric of one case in one process, and all that speaks for it.

The same value is what a fixture makes, what a worker sends, what is judged, stored and reported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.core.case import AnyCase
from pytest_modelbench.core.errors import MeasureError
from pytest_modelbench.core.metrics import METRICS, Metric
from pytest_modelbench.core.observations import Observations
from pytest_modelbench.core.recipes import same_recipe
from pytest_modelbench.core.sample_names import SampleNames
from pytest_modelbench.core.trail import Trail

#: What goes along with a measurement for people: reserved bytes, the number of samples, seconds of a training.
Figure = int | float | str | None
#: The figures that say how many seconds the CPU takes to launch a call on an accelerator, and which share of its time.
ENQUEUE, ENQUEUE_SHARE = "enqueue_s", "enqueue_share"
#: What a pair that says where time goes calls the operators of a timing, by its number.
CALLS_OF_TIMING = "operators of timing "


class CheckKey(NamedTuple):
    """What is compared with a baseline: a test's node id and the name of a measurement in it."""

    test: str
    name: str

    def __str__(self) -> str:
        return f"{self.test} {self.name}"


@dataclass(frozen=True, slots=True)
class Comparability:
    """What a value was made from and with: measurements that differ in any of it cannot be compared."""

    data: str = ""  #: the labelled data or images, with their fingerprint
    recipe: str = ""  #: how: what a memory figure was traced on, what a training was told
    reference: str = ""  #: the reference workload timed beside it; empty where there was none

    def matches(self, other: Comparability) -> bool:
        """Whether values made so can be compared: `same_recipe` says when recipes are the same."""
        return self.data == other.data and self.reference == other.reference and same_recipe(self.recipe, other.recipe)


@dataclass(frozen=True, slots=True)
class RelativeTime:
    """How a noisy value was timed.

    ``log_ratio`` is what is compared across processes, in the metric's own direction: the log of the value over that of
    the reference workload in the same blocks, or the log of the value alone where there was none. ``reference_s`` is
    the reference's own time per call in those blocks, ``best_reference_s`` the best one of the session so far.
    """

    log_ratio: float
    reference_s: float | None = None
    best_reference_s: float | None = None
    turn: int | None = None  #: of a pair: which timing of its test, taken in turns with the other process
    rate: bool = False  #: it falls where times rise


@dataclass(frozen=True, slots=True)
class Quality:
    """What the machine let the measurement be."""

    disturbance: str = ""  #: what disturbed most of it; empty: it was left alone
    blocks: int = 0
    repeated: int = 0  #: blocks that were disturbed and measured again

    @property
    def disturbed(self) -> bool:
        """Whether most of it was disturbed."""
        return bool(self.disturbance)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value of one metric of one case in one process.

    ``value`` and the raw ``samples`` behind it are in the metric's unit. ``timing`` is there for noisy metrics alone;
    ``observations`` are what a deterministic value was made of, ``sample_names`` the samples that those are of, in the
    same order; the names are known until it is judged. ``breakdown`` is what a count or a size is the sum of, ``trail``
    what a model computed on the way to an output. ``test`` and ``process`` are filled in where it is recorded.
    """

    name: str
    metric: Metric
    case: AnyCase
    value: float
    timing: RelativeTime | None = None
    samples: tuple[float, ...] = ()
    comparability: Comparability = field(default_factory=Comparability)
    quality: Quality = field(default_factory=Quality)
    observations: Observations | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)
    test: str = ""
    process: int = 0
    sample_names: SampleNames | None = None
    breakdown: Breakdown | None = None
    trail: Trail | None = None

    def __post_init__(self) -> None:
        log_ratio = None if self.timing is None else self.timing.log_ratio
        for what, number in (("value", self.value), ("log ratio to the reference", log_ratio)):
            if number is not None and not math.isfinite(number):
                raise MeasureError(
                    f"{self.name} of {self.case.id}: the {what} is {number}, not a finite number, so it cannot be "
                    "compared with anything"
                )
        if self.metric.noisy and (self.timing is None or self.value <= 0):
            raise MeasureError(f"{self.name} of {self.case.id}: {self.value} is not a positive measurement")

    @classmethod
    def of(cls, metric: str, value: float, case: AnyCase, name: str = "", **more: Any) -> Measurement:
        """A measurement of one of `core.metrics.METRICS`, called ``name`` or as the metric is."""
        return cls(name or metric, METRICS[metric], case, value, **more)

    @property
    def key(self) -> CheckKey:
        """Which check this belongs to."""
        return CheckKey(self.test, self.name)

    def without_sample_names(self) -> Measurement:
        """This measurement as it is kept: names of all samples would outgrow everything else in a file."""
        return self if self.sample_names is None else replace(self, sample_names=None)

    @property
    def log_ratio(self) -> float:
        """`RelativeTime.log_ratio`; ValueError for a deterministic one, which has none."""
        if self.timing is None:
            raise ValueError(f"{self.name} is deterministic: nothing of it is compared by its log")
        return self.timing.log_ratio

    @property
    def best_reference_s(self) -> float | None:
        """`RelativeTime.best_reference_s`, None without."""
        return self.timing.best_reference_s if self.timing else None


#: A reference that is this much slower than at its best says that the machine is slowed, or that this process has a bad
#: place: a busy neighbour on the same physical core cost it 20-70 % (tests/trials/neighbour.py), one process in some
#: dozens runs it 20-40 % slower for as long as it lives, and left alone 19 of 20 blocks are within 12 % of the best.
SLOWED = 0.12
#: The same of a device that boosts: how fast it starts says little of how it goes on within its power limit, 10 to 15 %
#: slower. Another process that computes on it takes turns with this one, which costs far more.
SLOWED_BOOSTING = 0.25


def undisturbed(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Those of one check whose processes were left alone, and of these, where most can, those that ran unslowed.

    Where most were slowed, that is what the machine is like: each is a measurement, if a noisier one.
    """
    calm = [one for one in measurements if not one.quality.disturbed]
    slow_s = (1 + SLOWED) * min((best for one in measurements if (best := one.best_reference_s)), default=math.inf)
    quick = [one for one in calm if one.timing is None or (one.timing.reference_s or 0) <= slow_s]
    return quick if 2 * len(quick) >= len(calm) else calm


def counted(measurements: Sequence[Measurement]) -> Sequence[Measurement]:
    """Those of one check that its value is made of: of noisy ones those `undisturbed`, if any is.

    A process that was disturbed tells neither how fast a model is nor how far processes differ.
    """
    return (measurements[-1].metric.noisy and undisturbed(measurements)) or measurements


def log_ratios(measurements: Sequence[Measurement]) -> list[float]:
    """What of one check is compared across processes; empty for a deterministic one."""
    return [one.timing.log_ratio for one in measurements if one.timing is not None]


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Most of the processes behind a check were disturbed: how many ``of`` all, and by what, as the first one tells."""

    processes: int
    of: int
    cause: str


def surely_disturbed(measurements: Sequence[Measurement], planned: int) -> bool:
    """Whether most of the ``planned`` processes were disturbed, even if all that are still to come are left alone."""
    return 2 * sum(one.quality.disturbed for one in measurements) > planned


def disturbance(measurements: Sequence[Measurement]) -> Disturbance | None:
    """What disturbed most of the processes; None if at least half of them were left alone."""
    causes = [one.quality.disturbance for one in measurements if one.quality.disturbed]
    return Disturbance(len(causes), len(measurements), causes[0]) if 2 * len(causes) > len(measurements) else None

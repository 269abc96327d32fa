"""What was measured: cases, and records of one metric of one case in one process."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from pytest_modelbench.core.bands import Band
from pytest_modelbench.core.errors import MeasureError
from pytest_modelbench.core.metrics import Better, Metric, Scope

#: The detail of a record that says what disturbed its measurement.
UNHEALTHY = "unhealthy"
#: Details of a record measured in turns with a twin: which timing of its test it is from, and whether it is a rate,
#: which falls where times rise.
TIMING = "timing"
RATE = "rate"
#: The detail that holds the reference's seconds per call at its fastest.
CALM = "calm_s"


class CheckKey(NamedTuple):
    """What is compared with a baseline: a test's node id and the name of a record in it."""

    test: str
    name: str

    def __str__(self) -> str:
        return f"{self.test} {self.name}"


@dataclass(frozen=True, slots=True)
class Case:
    """One thing measured."""

    model: str
    batch_size: int
    image_size: tuple[int, int]
    precision: str = "fp32"
    task: str = "classification"
    mode: str = "inference"
    technique: str = ""

    @property
    def id(self) -> str:
        """Readable name, ``resnet50-b32-224-fp32``; what is at its default is left out."""
        height, width = self.image_size
        parts = [self.model, f"b{self.batch_size}", str(height) if height == width else f"{height}x{width}"]
        parts.append(self.precision)
        parts += [self.technique] if self.technique else []
        parts += [self.task] if self.task != "classification" else []
        parts += [self.mode] if self.mode != "inference" else []
        return "-".join(parts)


@dataclass(frozen=True, slots=True)
class Record:
    """One measurement of one metric of one case in one process.

    ``value`` is in the metric's unit. A noisy record also has ``level``, what is compared across processes: the log of
    the value against the reference workload timed beside it (or of the value alone, where ``reference`` is empty).
    ``samples`` are the raw values behind it, in the metric's unit; ``evidence`` is what a deterministic value was made
    of, as `core.observations` writes it. ``basis`` names what the value was made from (data
    fingerprint, reference workload, what a memory figure was traced on): records on another basis are incomparable.
    """

    test: str
    name: str
    metric: Metric
    case: str
    value: float
    level: float | None = None
    basis: str = ""
    samples: tuple[float, ...] = ()
    process: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)
    evidence: str = ""

    def __post_init__(self) -> None:
        for what, number in (("value", self.value), ("level", self.level)):
            if number is not None and not math.isfinite(number):
                raise MeasureError(
                    f"{self.name} of {self.case}: the {what} is {number}, not a finite number, so it cannot be "
                    "compared with anything"
                )
        if self.metric.noisy and (self.level is None or self.value <= 0):
            raise MeasureError(f"{self.name} of {self.case}: {self.value} is not a positive measurement")

    @property
    def key(self) -> CheckKey:
        """Which check this record belongs to."""
        return CheckKey(self.test, self.name)

    @property
    def relative(self) -> bool:
        """Whether the level is one against a reference workload, and not the log of the value alone."""
        return bool(self.basis) and self.level is not None and self.level != math.log(self.value)

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `from_json` takes them."""
        return asdict(self) | {"metric": metric_to_json(self.metric), "details": dict(self.details)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        """The record that `to_json` wrote."""
        fields = dict(data)
        fields["metric"] = metric_from_json(fields["metric"])
        fields["samples"] = tuple(fields["samples"])
        return cls(**fields)


def metric_to_json(metric: Metric) -> dict[str, Any]:
    """Plain values, as `metric_from_json` takes them."""
    return asdict(metric) | {"better": metric.better.value, "scope": metric.scope.value}


def metric_from_json(data: Mapping[str, Any]) -> Metric:
    """The metric that `metric_to_json` wrote."""
    fields = dict(data)
    return Metric(
        **fields
        | {
            "better": Better(fields["better"]),
            "scope": Scope(fields["scope"]),
            "band": Band(**fields["band"]),
        }
    )


#: A reference that is this much slower than at its fastest says that the machine is, or that this process has a bad
#: place: a busy neighbour on the same physical core cost it 20-70 % (tests/trials/neighbour.py), one process in some
#: dozens runs it 20-40 % slower for as long as it lives, and in calm 19 of 20 blocks are within 12 % of the fastest.
SLOWED = 0.12


def sound(records: Sequence[Record]) -> list[Record]:
    """Those of ``records`` of one check whose processes were left alone, and ran the reference as fast as the others.

    The first process of a session cannot know that it runs the reference slowly; the later ones tell.
    """
    known = [record.details[CALM] for record in records if record.details.get(CALM)]
    slow_s = (1 + SLOWED) * min(known, default=math.inf)
    return [record for record in records if not record.details.get(UNHEALTHY) and record.details.get(CALM, 0) <= slow_s]


def counted(records: Sequence[Record]) -> Sequence[Record]:
    """Those of ``records`` of one check that its value is made of: of noisy ones those that are `sound`, if any is.

    A process that was disturbed tells neither how fast a model is nor how far processes differ.
    """
    return (records[-1].metric.noisy and sound(records)) or records


def disturbance(records: Sequence[Record]) -> str:
    """What disturbed most of the processes behind ``records``, or an empty string if at least half were left alone."""
    causes = [str(record.details[UNHEALTHY]) for record in records if record.details.get(UNHEALTHY)]
    return f"{len(causes)} of {len(records)} processes; {causes[0]}" if 2 * len(causes) > len(records) else ""

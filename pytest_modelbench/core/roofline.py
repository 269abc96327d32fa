"""Time on paper: how long a device takes for a pass, by what each of its operators computes and moves.

An operator takes as long as its multiply-accumulates or its bytes, whichever is slower, and somewhat more where both
take equally long (Williams et al., "Roofline", CACM 2009; the corner is rounded). How many of a device's ceilings an
operator reaches depends on its kind, and of a product on how deep and how wide it is: small ones do not fill a tile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class OperatorKind(str, Enum):
    """What operators have rates of their own."""

    CONVOLUTION = "convolution"  #: dense, larger than a pixel
    POINTWISE = "pointwise convolution"  #: of 1 x 1
    PATCHES = "convolution of patches"  #: whose stride is its size
    STEM = "convolution of images"  #: of at most four channels
    GROUPED = "grouped convolution"
    DEPTHWISE = "depthwise convolution"
    PRODUCT = "matrix product"
    BATCHED = "batched product"
    ATTENTION = "attention"
    BATCH_NORM = "batch norm"
    LAYER_NORM = "layer norm"
    OTHER_NORM = "group or RMS norm"
    SOFTMAX = "softmax"
    REDUCTION = "reduction"
    POOLING = "pooling"
    ARITHMETIC = "arithmetic"  #: and comparisons, element by element
    FUNCTION = "function"  #: element by element, with a power, an exponential or a division in it
    CAST = "cast or copy"
    LAYOUT = "copy into another layout"
    WEIGHTS = "cast of weights"
    JOIN = "concatenation"
    GATHER = "gather or pad"
    RESIZE = "resizing"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Work:
    """What one operator has to do, ``calls`` times in a pass.

    ``depth`` is how many products each number of its output is the sum of, ``width`` how many of its outputs share what
    they are made of: columns of a matrix, filters of a group. ``bias_bytes``: of an output that a bias is added to by a
    kernel of its own.
    """

    part: str
    operator: str
    kind: OperatorKind
    macs: int = 0
    depth: int = 1
    width: int = 1
    read_bytes: int = 0
    written_bytes: int = 0
    bias_bytes: int = 0
    calls: int = 1

    def as_json(self) -> list[Any]:
        """As plain values, in order."""
        return [
            self.part, self.operator, self.kind.value, self.macs, self.depth, self.width, self.read_bytes,
            self.written_bytes, self.bias_bytes, self.calls,
        ]  # fmt: skip

    @classmethod
    def of_json(cls, told: list[Any]) -> Work:
        """From `as_json`."""
        part, operator, kind, *numbers = told
        return cls(part, operator, OperatorKind(kind), *numbers)


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a device does one kind of operator.

    A product of half depth or half width beyond those named takes one and a half times as long for each. A byte that is
    read takes ``read_share`` of one that is written.
    """

    s_per_mac: float
    s_per_byte: float
    half_depth: float
    half_width: float
    read_share: float

    def compute_s(self, work: Work) -> float:
        """Seconds of one call for its multiply-accumulates."""
        slower = (1 + self.half_depth / work.depth) * (1 + self.half_width / work.width)
        return work.macs * self.s_per_mac * slower

    def memory_s(self, work: Work) -> float:
        """Seconds of one call for what it reads and writes, without a bias."""
        return (work.read_bytes * self.read_share + work.written_bytes) * self.s_per_byte


@dataclass(frozen=True, slots=True)
class Rates:
    """A device's rates of every kind; ``sharpness``: the power that compute and memory are added up by."""

    by_kind: Mapping[OperatorKind, Rate]
    bias_s_per_byte: float
    sharpness: float
    call_s: float  #: that each call takes besides

    def scaled(self, compute: float, memory: float) -> Rates:
        """Those of a device with so many times the multiply-accumulates and the bytes a second."""
        return Rates(
            {
                kind: Rate(
                    rate.s_per_mac / compute, rate.s_per_byte / memory, rate.half_depth, rate.half_width,
                    rate.read_share,
                )
                for kind, rate in self.by_kind.items()
            },
            self.bias_s_per_byte / memory, self.sharpness, self.call_s,
        )  # fmt: skip

    def seconds(self, work: Work) -> Seconds:
        """What all calls of ``work`` take."""
        rate = self.by_kind[work.kind]
        compute_s = rate.compute_s(work)
        memory_s = rate.memory_s(work) + work.bias_bytes * self.bias_s_per_byte
        longer = max(compute_s, memory_s)
        if longer:
            # The longer one taken out, so that no power is of a number next to nothing.
            power = self.sharpness
            longer *= ((compute_s / longer) ** power + (memory_s / longer) ** power) ** (1 / power)
        return Seconds(work.calls * (longer + self.call_s), memory_bound=memory_s >= compute_s)


@dataclass(frozen=True, slots=True)
class Seconds:
    """Time of an operator, and which of the two ceilings it meets."""

    seconds: float
    memory_bound: bool


@dataclass(frozen=True, slots=True)
class Spent:
    """Time of a pass: in all, for moving bytes, by kind of operator, and by part of the model."""

    seconds: float
    memory_s: float
    by_kind: Mapping[OperatorKind, float]
    by_part: Mapping[str, float]


def spent(pass_: Iterable[Work], rates: Rates) -> Spent:
    """What a pass takes at these rates."""
    seconds = memory_s = 0.0
    by_kind: defaultdict[OperatorKind, float] = defaultdict(float)
    by_part: defaultdict[str, float] = defaultdict(float)
    for work in pass_:
        found = rates.seconds(work)
        seconds += found.seconds
        memory_s += found.seconds if found.memory_bound else 0.0
        by_kind[work.kind] += found.seconds
        by_part[work.part] += found.seconds
    return Spent(seconds, memory_s, by_kind, by_part)


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What a device can do at most: multiply-accumulates a second, and bytes a second by how many are moved.

    ``bytes_per_s``: pairs of a size and the rate at which as much is moved; what is small stays in caches.
    """

    macs_per_s: float
    bytes_per_s: tuple[tuple[float, float], ...]

    def floor_s(self, pass_: Iterable[Work]) -> float:
        """Seconds that a pass cannot be faster than, by the multiplications that it is written with."""
        return sum(work.calls * max(work.macs / self.macs_per_s, self._memory_s(work)) for work in pass_)

    def _memory_s(self, work: Work) -> float:
        moved = work.read_bytes + work.written_bytes
        return moved / next((rate for size, rate in self.bytes_per_s if moved <= size), self.bytes_per_s[-1][1])
